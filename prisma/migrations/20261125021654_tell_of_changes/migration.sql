-- Every server keeps in memory whom a key belongs to; these tell them all what has changed, whoever changed it.
-- The channel is read by src/database/changes.ts. Ids are told, and no secrets: keys are derived, not stored.

CREATE FUNCTION tessera_tell_of_token() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  told record := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
  -- An id that is changed is the end of the old one.
  IF TG_OP = 'UPDATE' AND OLD."id" <> NEW."id" THEN
    PERFORM pg_catalog.pg_notify('tessera_changes', pg_catalog.json_build_object(
      'table', 'Token', 'operation', 'DELETE', 'id', OLD."id", 'userId', OLD."userId", 'name', pg_catalog.left(OLD."name", 200),
      'kind', OLD."kind", 'createdAt', OLD."createdAt", 'expiresAt', OLD."expiresAt", 'lastUsedAt', OLD."lastUsedAt",
      'supersededAt', OLD."supersededAt", 'isJustSuperseded', false)::text);
  END IF;
  -- A notice may have 8,000 bytes: a name longer than the API allows must not fail the write that it is told of.
  PERFORM pg_catalog.pg_notify('tessera_changes', pg_catalog.json_build_object(
    'table', 'Token', 'operation', TG_OP, 'id', told."id", 'userId', told."userId", 'name', pg_catalog.left(told."name", 200),
    'kind', told."kind", 'createdAt', told."createdAt", 'expiresAt', told."expiresAt", 'lastUsedAt', told."lastUsedAt",
    'supersededAt', told."supersededAt",
    'isJustSuperseded', TG_OP = 'UPDATE' AND OLD."supersededAt" IS NULL AND NEW."supersededAt" IS NOT NULL)::text);
  RETURN NULL;
END $$;

CREATE FUNCTION tessera_tell_of_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_catalog.pg_notify('tessera_changes',
    pg_catalog.json_build_object('table', 'User', 'operation', TG_OP, 'id', OLD."id")::text);
  RETURN NULL;
END $$;

CREATE FUNCTION tessera_tell_of_truncation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_catalog.pg_notify('tessera_changes',
    pg_catalog.json_build_object('table', TG_TABLE_NAME, 'operation', TG_OP)::text);
  RETURN NULL;
END $$;

-- Every column but "lastUsedAt", which changes with use and decides nothing that a server does not know itself.
CREATE TRIGGER tessera_tell_of_token
  AFTER INSERT OR DELETE OR UPDATE OF "id", "userId", "kind", "name", "scopes", "createdAt", "expiresAt", "supersededAt"
  ON "Token" FOR EACH ROW EXECUTE FUNCTION tessera_tell_of_token();

-- Every column but "usernameKey" and "passwordHash", which no viewer carries.
CREATE TRIGGER tessera_tell_of_user
  AFTER DELETE OR UPDATE OF "id", "username", "email", "isActive", "isStaff", "isSuperuser", "dateJoined", "lastLogin"
  ON "User" FOR EACH ROW EXECUTE FUNCTION tessera_tell_of_user();

CREATE TRIGGER tessera_tell_of_token_truncation
  AFTER TRUNCATE ON "Token" FOR EACH STATEMENT EXECUTE FUNCTION tessera_tell_of_truncation();

CREATE TRIGGER tessera_tell_of_user_truncation
  AFTER TRUNCATE ON "User" FOR EACH STATEMENT EXECUTE FUNCTION tessera_tell_of_truncation();

-- Also for what replication applies, and sessions whose session_replication_role is replica: what a database is told
-- by another is a change like any.
ALTER TABLE "Token" ENABLE ALWAYS TRIGGER tessera_tell_of_token;
ALTER TABLE "Token" ENABLE ALWAYS TRIGGER tessera_tell_of_token_truncation;
ALTER TABLE "User" ENABLE ALWAYS TRIGGER tessera_tell_of_user;
ALTER TABLE "User" ENABLE ALWAYS TRIGGER tessera_tell_of_user_truncation;
