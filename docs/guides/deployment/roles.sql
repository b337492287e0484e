-- Two roles and a database for Tessera: psql --set=ON_ERROR_STOP=1 --file=roles.sql "$ADMIN_URL"
-- tessera_owner makes and changes tables, and is used by `npx tessera migrate`, backup and restore alone.
-- tessera is what the server runs as: it reads and writes rows, and can change no table.

CREATE ROLE tessera_owner LOGIN;
CREATE ROLE tessera LOGIN;
CREATE DATABASE tessera OWNER tessera_owner;
REVOKE ALL ON DATABASE tessera FROM PUBLIC;
GRANT CONNECT ON DATABASE tessera TO tessera;

\connect tessera

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO tessera_owner;
GRANT USAGE ON SCHEMA public TO tessera;
-- For the tables of this release and of those to come.
ALTER DEFAULT PRIVILEGES FOR ROLE tessera_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tessera;
ALTER DEFAULT PRIVILEGES FOR ROLE tessera_owner IN SCHEMA public
    GRANT USAGE ON SEQUENCES TO tessera;
