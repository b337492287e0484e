-- In the order in which requests take them: one that is under way has the user first, and then the token.
LOCK TABLE "User", "Token", "SigningKey", "SecretFingerprint" IN SHARE ROW EXCLUSIVE MODE;

-- Ids in the order of time: UUIDs of version 7, whose twelve bits behind the milliseconds are a fraction of one (RFC 9562,
-- section 6.2, method 3).
CREATE FUNCTION tessera_event_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
  SELECT (pg_catalog.lpad(pg_catalog.to_hex(us / 1000), 12, '0')
          || '7' || pg_catalog.lpad(pg_catalog.to_hex(us % 1000 * 4096 / 1000), 3, '0')
          || pg_catalog.right(pg_catalog.replace(pg_catalog.gen_random_uuid()::text, '-', ''), 16))::uuid
    FROM (SELECT (EXTRACT(EPOCH FROM pg_catalog.clock_timestamp()) * 1000000)::bigint AS us) clock
$$;

-- CreateEnum
CREATE TYPE "AuditEventKind" AS ENUM ('LOGIN_SUCCEEDED', 'LOGIN_FAILED', 'LOGIN_THROTTLED', 'TOKEN_CREATED', 'TOKEN_ROTATED', 'TOKEN_CHANGED', 'TOKEN_REVOKED', 'TOKEN_EXPIRED', 'TOKEN_REFUSED', 'REFRESH_REUSED', 'PASSWORD_CHANGED', 'PASSWORD_REHASHED', 'USER_CREATED', 'USER_ACTIVATED', 'USER_DEACTIVATED', 'USER_PROMOTED', 'USER_DEMOTED', 'USER_DELETED', 'KEY_ROTATED', 'KEY_CHANGED', 'KEY_REMOVED');

-- CreateTable
CREATE TABLE "AuditEvent" (
    "id" UUID NOT NULL DEFAULT tessera_event_id(),
    "kind" "AuditEventKind" NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    "actorId" UUID,
    "userId" UUID,
    "tokenId" UUID,
    "address" TEXT,
    "userAgent" TEXT,
    "requestId" TEXT,

    CONSTRAINT "AuditEvent_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "AuditEvent_userId_id_idx" ON "AuditEvent"("userId", "id");

-- CreateIndex
CREATE INDEX "AuditEvent_kind_id_idx" ON "AuditEvent"("kind", "id");

-- CreateIndex
CREATE INDEX "AuditEvent_tokenId_id_idx" ON "AuditEvent"("tokenId", "id");

-- Also where functions are nobody's but their owner's: whoever writes an event asks for its id.
GRANT EXECUTE ON FUNCTION tessera_event_id() TO PUBLIC;


-- Whatever changes a user, a token or a key, be it plain SQL, is told by a row of the same transaction. Who asked for it
-- stands in a setting of the transaction, tessera.origin: a JSON object that src/database/origin.ts writes.
CREATE FUNCTION tessera_audit_origin() RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT nullif(current_setting('tessera.origin', true), '')::jsonb
$$;

CREATE FUNCTION tessera_audit(kind "AuditEventKind", "userId" uuid, "tokenId" uuid) RETURNS void LANGUAGE sql AS $$
  INSERT INTO "AuditEvent" ("kind", "userId", "tokenId", "actorId", "address", "userAgent", "requestId")
  SELECT $1, $2, $3, (origin->>'actorId')::uuid, origin->>'address', origin->>'userAgent', origin->>'requestId'
    FROM (SELECT tessera_audit_origin() AS origin) asked
$$;

-- Statement by statement, for a million may be made or ended at once.
CREATE FUNCTION tessera_audit_tokens() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  origin jsonb := tessera_audit_origin();
BEGIN
  INSERT INTO "AuditEvent" ("kind", "userId", "tokenId", "actorId", "address", "userAgent", "requestId")
  SELECT CASE WHEN TG_OP = 'INSERT' THEN 'TOKEN_CREATED'
              -- By its own end or, as whoever prunes says, by the lifetimes that are configured.
              WHEN "expiresAt" <= clock_timestamp() OR (origin->>'isPruning')::boolean THEN 'TOKEN_EXPIRED'
              ELSE 'TOKEN_REVOKED' END::"AuditEventKind",
         "userId", "id", (origin->>'actorId')::uuid, origin->>'address', origin->>'userAgent', origin->>'requestId'
    FROM changed;
  RETURN NULL;
END $$;

CREATE FUNCTION tessera_audit_token() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD."id" <> NEW."id" THEN
    PERFORM tessera_audit(
      CASE WHEN coalesce((tessera_audit_origin()->>'isPruning')::boolean, false) THEN 'TOKEN_EXPIRED'
           ELSE 'TOKEN_REVOKED' END::"AuditEventKind", OLD."userId", OLD."id");
    PERFORM tessera_audit('TOKEN_CREATED'::"AuditEventKind", NEW."userId", NEW."id");
  ELSIF OLD."supersededAt" IS NULL AND NEW."supersededAt" IS NOT NULL AND OLD."userId" = NEW."userId" THEN
    PERFORM tessera_audit('TOKEN_ROTATED'::"AuditEventKind", NEW."userId", NEW."id");
  ELSE
    PERFORM tessera_audit('TOKEN_CHANGED'::"AuditEventKind", NEW."userId", NEW."id");
    IF OLD."userId" <> NEW."userId" THEN
      PERFORM tessera_audit('TOKEN_CHANGED'::"AuditEventKind", OLD."userId", OLD."id");
    END IF;
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION tessera_audit_users() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  origin jsonb := tessera_audit_origin();
BEGIN
  INSERT INTO "AuditEvent" ("kind", "userId", "actorId", "address", "userAgent", "requestId")
  SELECT CASE TG_OP WHEN 'INSERT' THEN 'USER_CREATED' ELSE 'USER_DELETED' END::"AuditEventKind", "id",
         (origin->>'actorId')::uuid, origin->>'address', origin->>'userAgent', origin->>'requestId'
    FROM changed;
  IF TG_OP = 'INSERT' THEN
    INSERT INTO "AuditEvent" ("kind", "userId", "actorId", "address", "userAgent", "requestId")
    SELECT 'USER_PROMOTED', "id", (origin->>'actorId')::uuid, origin->>'address', origin->>'userAgent',
           origin->>'requestId'
      FROM changed WHERE "isStaff" OR "isSuperuser";
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION tessera_audit_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD."passwordHash" IS DISTINCT FROM NEW."passwordHash" THEN
    PERFORM tessera_audit(
      CASE WHEN coalesce((tessera_audit_origin()->>'isRehash')::boolean, false) THEN 'PASSWORD_REHASHED'
           ELSE 'PASSWORD_CHANGED' END::"AuditEventKind", NEW."id", NULL::uuid);
  END IF;
  IF NEW."isActive" AND NOT OLD."isActive" THEN
    PERFORM tessera_audit('USER_ACTIVATED'::"AuditEventKind", NEW."id", NULL::uuid);
  END IF;
  IF OLD."isActive" AND NOT NEW."isActive" THEN
    PERFORM tessera_audit('USER_DEACTIVATED'::"AuditEventKind", NEW."id", NULL::uuid);
  END IF;
  IF (NEW."isStaff" AND NOT OLD."isStaff") OR (NEW."isSuperuser" AND NOT OLD."isSuperuser") THEN
    PERFORM tessera_audit('USER_PROMOTED'::"AuditEventKind", NEW."id", NULL::uuid);
  END IF;
  IF (OLD."isStaff" AND NOT NEW."isStaff") OR (OLD."isSuperuser" AND NOT NEW."isSuperuser") THEN
    PERFORM tessera_audit('USER_DEMOTED'::"AuditEventKind", NEW."id", NULL::uuid);
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION tessera_audit_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM tessera_audit(
    CASE TG_OP WHEN 'INSERT' THEN 'KEY_ROTATED' WHEN 'UPDATE' THEN 'KEY_CHANGED' ELSE 'KEY_REMOVED' END::"AuditEventKind",
    NULL::uuid, NULL::uuid);
  RETURN NULL;
END $$;

CREATE TRIGGER tessera_audit_tokens_made AFTER INSERT ON "Token" REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION tessera_audit_tokens();
CREATE TRIGGER tessera_audit_tokens_ended AFTER DELETE ON "Token" REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION tessera_audit_tokens();
-- What it may do, for whom and until when. A refresh moves the end of its pair on, each time it is refreshed.
CREATE TRIGGER tessera_audit_token AFTER UPDATE ON "Token" FOR EACH ROW
  WHEN (OLD."id" <> NEW."id" OR OLD."userId" <> NEW."userId" OR OLD."kind" <> NEW."kind" OR OLD."scopes" IS DISTINCT FROM NEW."scopes"
        OR (OLD."supersededAt" IS NULL) <> (NEW."supersededAt" IS NULL)
        OR (OLD."expiresAt" IS DISTINCT FROM NEW."expiresAt" AND OLD."refreshCount" = NEW."refreshCount"))
  EXECUTE FUNCTION tessera_audit_token();

CREATE TRIGGER tessera_audit_users_made AFTER INSERT ON "User" REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION tessera_audit_users();
CREATE TRIGGER tessera_audit_users_deleted AFTER DELETE ON "User" REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION tessera_audit_users();
CREATE TRIGGER tessera_audit_user AFTER UPDATE ON "User" FOR EACH ROW
  WHEN (OLD."passwordHash" IS DISTINCT FROM NEW."passwordHash" OR OLD."isActive" <> NEW."isActive"
        OR OLD."isStaff" <> NEW."isStaff" OR OLD."isSuperuser" <> NEW."isSuperuser")
  EXECUTE FUNCTION tessera_audit_user();

CREATE TRIGGER tessera_audit_signing_key AFTER INSERT OR DELETE ON "SigningKey"
  FOR EACH ROW EXECUTE FUNCTION tessera_audit_key();
-- One that is sealed anew, with another secret, is the same.
CREATE TRIGGER tessera_audit_signing_key_changed AFTER UPDATE ON "SigningKey" FOR EACH ROW
  WHEN (OLD."id" <> NEW."id" OR OLD."publicJwk" <> NEW."publicJwk" OR OLD."signsFrom" <> NEW."signsFrom")
  EXECUTE FUNCTION tessera_audit_key();
CREATE TRIGGER tessera_audit_secret AFTER INSERT OR UPDATE OR DELETE ON "SecretFingerprint"
  FOR EACH ROW EXECUTE FUNCTION tessera_audit_key();

-- The server's own role writes the trail, and removes what is old by AUDIT_RETENTION; it can rewrite nothing.
CREATE FUNCTION tessera_keep_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'The audit trail is append-only: no event can be changed, and none of the last 7 days deleted.'
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER tessera_keep_events BEFORE UPDATE ON "AuditEvent" FOR EACH ROW EXECUTE FUNCTION tessera_keep_events();
CREATE TRIGGER tessera_keep_new_events BEFORE DELETE ON "AuditEvent" FOR EACH ROW
  WHEN (OLD."at" > now() - interval '7 days') EXECUTE FUNCTION tessera_keep_events();
CREATE TRIGGER tessera_keep_all_events BEFORE TRUNCATE ON "AuditEvent"
  FOR EACH STATEMENT EXECUTE FUNCTION tessera_keep_events();

-- As the owner, so that whoever may change a user or a token need not be given the trail; on tables of this schema alone,
-- for whoever runs it could lay others before them; and on no trigger that others make.
DO $$
DECLARE
  audit regprocedure;
BEGIN
  FOR audit IN
    SELECT p.oid FROM pg_proc p
     WHERE p.pronamespace = current_schema()::regnamespace AND starts_with(p.proname, 'tessera_audit')
  LOOP
    EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = pg_catalog, %I, pg_temp', audit, current_schema());
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', audit);
  END LOOP;
END $$;
