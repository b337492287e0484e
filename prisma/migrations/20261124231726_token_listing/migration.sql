-- CreateIndex
CREATE INDEX "Token_userId_createdAt_id_idx" ON "Token"("userId", "createdAt", "id");

