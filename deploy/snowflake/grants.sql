-- The least that Hightide needs in Snowflake: one role that may use one warehouse and read one
-- table, and one service user that logs in with a key. It writes nothing and owns nothing.
-- Run it as SECURITYADMIN after writing your own names into the next lines.

SET role_name = 'HIGHTIDE_ROLE';
SET user_name = 'HIGHTIDE';
SET warehouse_name = 'REPORTING';
SET database_name = 'PREP';
SET schema_name = 'PREP.SENSITIVE';
SET table_name = 'PREP.SENSITIVE.POC_PUMP_MARKETING_CONTACT_NAMESPACE_DETAIL';
-- What stands between the BEGIN and END lines of the public key, in one line:
--   openssl genrsa 3072 | openssl pkcs8 -topk8 -v2 aes256 -out snowflake-key.p8
--   openssl rsa -in snowflake-key.p8 -pubout | grep -v '^--' | tr -d '\n'
SET public_key = 'WRITE_YOUR_PUBLIC_KEY_HERE';

USE ROLE SECURITYADMIN;

CREATE ROLE IF NOT EXISTS IDENTIFIER($role_name);
GRANT USAGE ON WAREHOUSE IDENTIFIER($warehouse_name) TO ROLE IDENTIFIER($role_name);
GRANT USAGE ON DATABASE IDENTIFIER($database_name) TO ROLE IDENTIFIER($role_name);
GRANT USAGE ON SCHEMA IDENTIFIER($schema_name) TO ROLE IDENTIFIER($role_name);

-- One line for each table the model reads; for a view say ON VIEW, and leave out what is under it.
-- SYSTEM$LAST_CHANGE_COMMIT_TIME, which change_tokens asks, needs no more than this.
-- A table that is built with CREATE OR REPLACE loses the right with each build: let dbt give it
-- again (grants: {select: [...]}) or keep it (copy_grants: true).
GRANT SELECT ON TABLE IDENTIFIER($table_name) TO ROLE IDENTIFIER($role_name);

-- TYPE = SERVICE: no password, no browser. Without secondary roles it has this role and no other.
CREATE USER IF NOT EXISTS IDENTIFIER($user_name)
  TYPE = SERVICE
  DEFAULT_ROLE = $role_name
  DEFAULT_SECONDARY_ROLES = ()
  DEFAULT_WAREHOUSE = $warehouse_name
  RSA_PUBLIC_KEY = $public_key
  STATEMENT_TIMEOUT_IN_SECONDS = 900
  COMMENT = 'Hightide reads changed rows';
GRANT ROLE IDENTIFIER($role_name) TO USER IDENTIFIER($user_name);

-- Option: only from your own addresses. A programmatic access token needs such a policy.
-- CREATE NETWORK POLICY HIGHTIDE_ADDRESSES ALLOWED_IP_LIST = ('203.0.113.0/24');
-- ALTER USER IDENTIFIER($user_name) SET NETWORK_POLICY = HIGHTIDE_ADDRESSES;

-- A new key, with nothing stopped: the second slot first, then the file, then the first slot.
-- ALTER USER IDENTIFIER($user_name) SET RSA_PUBLIC_KEY_2 = $public_key;
--   (replace the key file; the next statement logs in with it)
-- ALTER USER IDENTIFIER($user_name) UNSET RSA_PUBLIC_KEY;
-- The next time it is the other way round: RSA_PUBLIC_KEY set, RSA_PUBLIC_KEY_2 unset.
