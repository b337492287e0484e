-- Two values at once: PostgreSQL 12 and later take them within one transaction.
ALTER TYPE "TokenKind" ADD VALUE 'SESSION';
ALTER TYPE "TokenKind" ADD VALUE 'REFRESH';

-- AlterTable
ALTER TABLE "Token" ADD COLUMN     "refreshCount" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "refreshedAt" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "SigningKey" (
    "id" TEXT NOT NULL,
    "publicJwk" JSONB NOT NULL,
    "sealedKey" TEXT NOT NULL,
    "sealedWith" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "signsFrom" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "SigningKey_pkey" PRIMARY KEY ("id")
);

