-- Each node of demo --nodes has names, and a view that looks them up.
CREATE EXTENSION pgcares;
CREATE TABLE domain (id bigint PRIMARY KEY, name text NOT NULL);
CREATE VIEW domain_a AS
	SELECT d.id, d.name, a.address, a.ttl
	FROM domain d LEFT JOIN LATERAL dns_a(d.name, 'missing_ok') a ON true;
