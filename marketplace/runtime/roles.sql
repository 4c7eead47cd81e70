-- Roles, grants and the database of Wagefile. For the embedded server, and for an operator's own:
--
--   psql -v ON_ERROR_STOP=1 -v database=wagefile -v createdb=false -f marketplace/runtime/roles.sql
--
-- Run it as a superuser, as often as you like. Roles are made without passwords: set them with
-- \password wagefile_owner and \password wagefile_app, or let pg_hba.conf decide.
-- `createdb` is true only for the test suite, which clones databases.

\if :{?database}
\else
  \set database wagefile
\endif
\if :{?createdb}
\else
  \set createdb false
\endif
SET client_min_messages = warning;

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['wagefile_owner', 'wagefile_ledger_owner', 'wagefile_app']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

-- wagefile_owner owns the tables and runs the migrations; nothing else uses it.
ALTER ROLE wagefile_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE;
\if :createdb
  ALTER ROLE wagefile_owner CREATEDB;
\else
  ALTER ROLE wagefile_owner NOCREATEDB;
\endif
-- wagefile_ledger_owner owns the ledger's tables and its posting function; nobody signs in as it.
ALTER ROLE wagefile_ledger_owner NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB;
-- wagefile_app is the web processes, the workers and the tests. It owns nothing.
ALTER ROLE wagefile_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOINHERIT;
-- Handing a table over needs SET; altering it later in a migration needs INHERIT.
GRANT wagefile_ledger_owner TO wagefile_owner WITH INHERIT TRUE, SET TRUE, ADMIN FALSE;

SELECT format('CREATE DATABASE %I OWNER wagefile_owner TEMPLATE template0 ENCODING ''UTF8''',
              :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
\gexec
ALTER DATABASE :"database" OWNER TO wagefile_owner;
ALTER DATABASE :"database" SET timezone = 'UTC';
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE :"database" TO wagefile_app;

\connect :"database"
SET client_min_messages = warning;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO wagefile_owner, wagefile_ledger_owner;
GRANT USAGE ON SCHEMA public TO wagefile_app;
ALTER DEFAULT PRIVILEGES FOR ROLE wagefile_owner IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO wagefile_app;
ALTER DEFAULT PRIVILEGES FOR ROLE wagefile_owner IN SCHEMA public
  GRANT USAGE, SELECT ON SEQUENCES TO wagefile_app;
