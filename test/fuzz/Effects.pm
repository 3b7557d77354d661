# Random expressions that do more than return a value: they write, draw numbers, lock or
# set something, or read the effects of others; and expressions that raise for some
# rows. Functions and tables are those of test/lookahead/effects.sql.

package Effects;

use strict;
use warnings;
use Chance;

# A column, or a number, that functions of one int take
sub small_int
{
	my ($self, $scope) = @_;
	my $int = $self->int_column($scope);

	return $int =~ /[.](?:ord|ordinality|c\d)$/ ? "${int}::int" : $int;
}

# ---- Side effects

# A condition that has an effect, or depends on one
sub effect_condition
{
	my ($self, $scope) = @_;
	my $int = $self->small_int($scope);
	my $text = $self->column($scope, 'text') // q{'x'};

	return mostly(
		3 => "wrote($text)",
		3 => "wrote($int)",
		2 => "$int === 1",
		3 => "NOT has_log($text)",
		1 => "has_log($text)",
		2 => 'logged() ' . pick('<', '>=') . ' ' . number(2, 8),
		2 => q{nextval('counted') % 3 > 0},
		1 => q{currval('counted') < } . number(3, 12),
		2 => "pg_try_advisory_xact_lock($int)",
		1 => "pg_try_advisory_lock(5, $int)",
		1 => "pg_advisory_xact_lock($int) IS NOT NULL",
		2 => "set_config('fuzz.a', coalesce($text, 'null'), false) IS NOT NULL",
		2 => "current_setting('fuzz.a') <> coalesce($text, 'null')",
		1 => q{set_config('fuzz.b', (current_setting('fuzz.b')::int + 1)::text, false) <> '} . number(3, 9) . q{'},
		2 => '(SELECT count(*) FROM (' . job("j.grp = $int % 5", number(1, 3)) . ') AS l) > 0',
		1 => "set_config('timezone', 'Etc/GMT+' || abs($int % 12), false) <> ''",
		1 => "nextval('counted') > 3 + (SELECT c.last_value FROM counted c WHERE $int > 0 OFFSET 0) % 3",
		1 => "take_job() > $int - 5",
		1 => "EXISTS (SELECT FROM queue j WHERE j.id = $int FOR UPDATE)");
}

# A value of a type: int or text
sub effect_value
{
	my ($self, $scope, $type) = @_;
	my $int = $self->small_int($scope);
	my $text = $self->column($scope, 'text') // q{'x'};

	return mostly(
		4 => "kept($int)",
		3 => q{nextval('counted')::int},
		2 => q{currval('counted')::int},
		2 => 'logged()',
		1 => "($int)::written::int",
		1 => "ROW($int)::boxed::int",
		1 => "(SELECT written_sum(f.id) FROM few f WHERE f.id < $int % 4)",
		1 => "(SELECT l.id FROM (" . job("j.grp = $int % 5", 1) . ') AS l)',
		1 => 'take_job()') if $type eq 'int';
	return mostly(
		4 => "kept($text)",
		2 => q{current_setting('fuzz.a')},
		2 => "(timestamptz '2026-01-01' + $int % 50 * interval '7 hours')::text",
		2 => "set_config('fuzz.a', coalesce($text, 'null'), false)",
		1 => q{nextval('counted')::text},
		1 => "(SELECT max(l.what) FROM log l WHERE wrote($text))");
}

# Some free jobs of the queue, selected in the way of a worker
sub job
{
	my ($condition, $most) = @_;
	return "SELECT j.id FROM queue j WHERE $condition ORDER BY j.id " . pick('FOR UPDATE', 'FOR UPDATE SKIP LOCKED', 'FOR SHARE') . " LIMIT $most";
}

# Relations with the columns of hosts that have an effect for each row
my $others = 'kind, grp, address';
my @effect_relations = (
	3 => "(SELECT id, kept(name) AS name, $others FROM few OFFSET 0)",
	3 => "(SELECT id, name, $others FROM few WHERE wrote(id))",
	2 => "(SELECT id, name, $others FROM hosts WHERE id < 14 AND NOT has_log(name) OFFSET 0)",
	3 => "(SELECT nextval('counted')::int AS id, name, $others FROM few)",
	2 => "(SELECT id, set_config('fuzz.a', coalesce(name, 'null'), false) AS name, $others FROM few OFFSET 0)",
	2 => "(SELECT id, name, kind, kept(id) % 4 AS grp, address FROM hosts WHERE id < 20 ORDER BY id)",
	3 => "(SELECT id, name, $others FROM queue WHERE state = 'new' ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 6)",
	2 => "(SELECT id, name, $others FROM queue FOR UPDATE SKIP LOCKED)",
	2 => "(SELECT id, name, $others FROM few WHERE pg_try_advisory_xact_lock(id) OFFSET 0)",
	1 => "(SELECT t.id, t.name, t.kind, t.grp, t.address FROM few t, LATERAL (SELECT kept(t.id) AS n OFFSET 0) AS k WHERE k.n > 1)");

sub effect_relation
{
	return mostly(@effect_relations);
}

# A part of WITH that changes the queue and returns the changed rows
sub effect_with
{
	return pick(
		"UPDATE queue SET state = 'taken' WHERE id % 3 = 0 RETURNING id, name, $others",
		"DELETE FROM queue WHERE id < 9 RETURNING id, name, $others",
		"INSERT INTO queue SELECT id + 100, name, $others FROM few RETURNING id - 100, name, $others",
		"UPDATE queue q SET state = kept(q.name) FROM few f WHERE f.id = q.id RETURNING q.id, q.name, q.kind, q.grp, q.address");
}

# ---- Raising

# An integer expression that raises for one value
sub raising_int
{
	my ($self, $scope) = @_;
	my $int = $self->small_int($scope);
	my $bad = number(0, 20);

	return mostly(
		4 => "(1 / ($int - $bad))",
		2 => "raises_at($int, $bad)",
		2 => "raises_stable($int, $bad)",
		2 => "raises_sql($int, $bad)",
		1 => "($int)::not_two::int",
		1 => "lower(int4range(0, 20 - ($int)::int % 30))",
		1 => "(SELECT max(r.n) FROM jsonb_to_record(jsonb_build_object('n', CASE $int WHEN $bad THEN 'x' ELSE '1' END)) r (n int))",
		1 => "cardinality(ARRAY[ARRAY[1, 2], CASE $int WHEN $bad THEN ARRAY[1] ELSE ARRAY[1, 2] END])",
		2 => "(CASE $int WHEN $bad THEN 'x' ELSE '1' END)::int",
		1 => "(SELECT f.id FROM few f WHERE f.id < 2 + ($int = $bad)::int)");
}

sub raising_condition
{
	my ($self, $scope) = @_;
	my $raising = $self->raising_int($scope);

	return mostly(
		3 => "$raising IS NOT NULL",
		2 => "$raising > -1",
		1 => "($raising < 3 OR " . $self->int_column($scope) . ' < 9)');
}

sub raising_text
{
	my ($self, $scope, $text) = @_;
	return "$text || left('', (" . $self->raising_int($scope) . ')::int % 1)';
}

sub raising_relation
{
	my $bad = number(2, 18);

	return pick(
		"(SELECT raises_at(id, $bad) AS id, name, $others FROM hosts)",
		"(SELECT id, name, $others FROM few WHERE 1 / (id - $bad) < 5 OFFSET 0)",
		"(SELECT id, name, kind, (CASE id WHEN $bad THEN 'x' ELSE '1' END)::int AS grp, address FROM hosts OFFSET 0)",
		"(SELECT raises_stable(id, $bad) AS id, name, $others FROM few ORDER BY 1)");
}

1;
