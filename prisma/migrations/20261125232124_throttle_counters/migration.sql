-- CreateTable
CREATE TABLE "ThrottleCounter" (
    "key" BYTEA NOT NULL,
    "attempts" DOUBLE PRECISION NOT NULL,
    "freeAt" TIMESTAMPTZ(3) NOT NULL,
    "countedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "ThrottleCounter_pkey" PRIMARY KEY ("key")
);

-- CreateIndex
CREATE INDEX "ThrottleCounter_countedAt_idx" ON "ThrottleCounter"("countedAt");

