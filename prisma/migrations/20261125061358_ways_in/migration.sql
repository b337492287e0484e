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


-- Every server keeps the keys in memory: one that is revoked must be good nowhere.
CREATE FUNCTION tessera_tell_of_table() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_catalog.pg_notify('tessera_changes', pg_catalog.json_build_object('table', TG_TABLE_NAME)::text);
  RETURN NULL;
END $$;

CREATE TRIGGER tessera_tell_of_signing_key
  AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
  ON "SigningKey" FOR EACH STATEMENT EXECUTE FUNCTION tessera_tell_of_table();
ALTER TABLE "SigningKey" ENABLE ALWAYS TRIGGER tessera_tell_of_signing_key;
