-- CreateTable
CREATE TABLE "Chore" (
    "name" TEXT NOT NULL,
    "begunAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Chore_pkey" PRIMARY KEY ("name")
);

