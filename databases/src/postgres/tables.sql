CREATE TABLE IF NOT EXISTS register (name text PRIMARY KEY, value bigint NOT NULL);
CREATE TABLE IF NOT EXISTS claim (name text PRIMARY KEY, owner bigint NOT NULL);
CREATE TABLE IF NOT EXISTS element (element bigint PRIMARY KEY);
CREATE TABLE IF NOT EXISTS posting (nr bigserial PRIMARY KEY, account int NOT NULL, transfer bigint NOT NULL, amount bigint NOT NULL);
CREATE INDEX IF NOT EXISTS posting_of_account ON posting (account);
CREATE TABLE IF NOT EXISTS sale (nr bigserial PRIMARY KEY, item text NOT NULL, sale bigint NOT NULL, count bigint NOT NULL);
CREATE INDEX IF NOT EXISTS sale_of_item ON sale (item);
