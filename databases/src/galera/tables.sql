CREATE DATABASE IF NOT EXISTS perjury;
CREATE TABLE IF NOT EXISTS perjury.register (name varchar(64) PRIMARY KEY, value bigint NOT NULL);
CREATE TABLE IF NOT EXISTS perjury.claim (name varchar(64) PRIMARY KEY, owner bigint NOT NULL);
CREATE TABLE IF NOT EXISTS perjury.element (element bigint PRIMARY KEY);
CREATE TABLE IF NOT EXISTS perjury.account (account int PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE IF NOT EXISTS perjury.posting (nr bigint AUTO_INCREMENT PRIMARY KEY, account int NOT NULL, transfer bigint NOT NULL, amount bigint NOT NULL, KEY (account));
CREATE TABLE IF NOT EXISTS perjury.item (item varchar(64) PRIMARY KEY, stock bigint NOT NULL);
CREATE TABLE IF NOT EXISTS perjury.sale (nr bigint AUTO_INCREMENT PRIMARY KEY, item varchar(64) NOT NULL, sale bigint NOT NULL, count bigint NOT NULL, KEY (item, sale))
