# The FROM of a random statement: relations with the columns of hosts, joined with
# others, with calls, and with subqueries that call.

package Relations;

use strict;
use warnings;
use parent 'Calls';
use Chance;

my $columns = 'id, name, kind, grp, address';

# A relation without an alias
my @bases = (
	5 => 'hosts',
	3 => 'few',
	2 => 'parted',
	2 => 'barrier',
	1 => 'plenty',
	1 => '(SELECT * FROM plenty WHERE id % 5 = 1)',
	1 => '(SELECT * FROM hosts WHERE id % 2 = 0 OFFSET 0)',
	1 => '(SELECT * FROM hosts ORDER BY id DESC LIMIT 15)',
	1 => '(SELECT * FROM few UNION ALL SELECT * FROM parted)',
	1 => '(SELECT * FROM hosts WHERE id < 0)',
	1 => 'nothing',
	1 => '(SELECT id, name, kind, grp, address FROM hosts, (SELECT random() OFFSET 0) AS r WHERE id < 20)',
	1 => "(SELECT DISTINCT ON (name) $columns FROM few ORDER BY name, id)",
	1 => q{(SELECT g AS id, 'ip-10-0-0-' || g || '.dyn.example' AS name, 'A' AS kind, g % 4 AS grp, inet '10.0.0.0' + g AS address
		FROM generate_series(1, 12) AS g)},
	1 => q{(SELECT o::int AS id, n AS name, text 'MX' AS kind, o::int % 3 AS grp, NULL::inet AS address
		FROM unnest(ARRAY['shop.example', NULL, 'multi.all.example', 'shop.example', 'none.shop.example']) WITH ORDINALITY AS u (n, o))},
	1 => q{(VALUES (1, 'www.shop.example', 'A', 0, inet '192.0.2.10'), (2, 'e-eggs.shop.example', 'MX', 1, inet '10.0.0.2'), (3, NULL, NULL, 2, NULL))});

# A relation: its text with alias, and its columns
sub base
{
	my ($self) = @_;
	my $alias = $self->alias('t');

	if (chance(0.07))
	{
		my $with = $self->alias('w');
		my $how = pick('', 'MATERIALIZED ', 'NOT MATERIALIZED ');
		push @{ $self->{with} }, "$with AS $how(SELECT $columns FROM " . pick('hosts', 'few', 'parted') . ' WHERE grp < 3)';
		return ("$with AS $alias", base_relation($alias));
	}
	if ($self->{modifying} && chance(0.5))
	{
		my $with = $self->alias('w');
		push @{ $self->{with} }, "$with (id, name, kind, grp, address) AS (" . $self->effect_with . ')';
		return ("$with AS $alias", base_relation($alias));
	}
	my @unsound = $self->{errors} ? (1 => 'unsound') : ();
	my $query = $self->{effects} && chance(0.3) ? $self->effect_relation
	  : $self->{raising} && chance(0.2) ? $self->raising_relation
	  : mostly(@bases, @unsound);
	return ("$query AS $alias (id, name, kind, grp, address)", base_relation($alias));
}

sub base_relation
{
	my ($alias) = @_;
	my %types = (id => 'int', name => 'name', kind => 'text', grp => 'int', address => 'inet');

	return { alias => $alias, columns => [ map { [ $_, $types{$_} ] } split /, /, $columns ] };
}

# The whole FROM, with up to three further items; and its scope
sub from
{
	my ($self) = @_;
	my ($from, $relation) = $self->base;
	my @scope = ($relation);

	foreach (1 .. mostly(3 => 0, 5 => 1, 4 => 2, 2 => 3))
	{
		my $further = mostly(
			3 => 'joined',
			2 => 'placeholder',
			$self->wants_call ? (6 => 'lateral_call', 4 => 'lateral_query') : ());
		(my $text, $relation) = $self->$further(\@scope);
		$from .= "\n\t$text";
		push @scope, $relation;
	}
	return ($from, \@scope);
}

# Another relation, joined with an earlier one
sub joined
{
	my ($self, $scope) = @_;
	my ($text, $relation) = $self->base;
	my ($one, $other) = ($self->int_column($scope), $relation->{alias});
	my $kind = mostly(4 => 'JOIN', 4 => 'LEFT JOIN', 1 => 'RIGHT JOIN', 1 => 'FULL JOIN');
	my $condition = mostly(6 => "$other.id = $one", 2 => "$other.id = $one + 1", $self->{multiplied}++ ? () : (2 => "$other.grp = $one % 3"));

	$condition .= ' AND ' . $self->condition([ @$scope, $relation ]) if $kind ne 'FULL JOIN' && chance($self->{effects} || $self->{raising} ? 0.4 : 0.2);
	return ("$kind $text ON $condition", $relation);
}

# A subquery whose columns are expressions that must be computed below the join
sub placeholder
{
	my ($self, $scope) = @_;
	my ($text, $inner) = $self->base;
	my $alias = $self->alias('t');
	my ($i, $int) = ($inner->{alias}, $self->int_column($scope));
	my $query = "SELECT $i.id, coalesce($i.name, 'none.shop.example') AS name, $i.kind, $i.grp + 1 AS grp, $i.address FROM $text";

	return ("LEFT JOIN ($query) AS $alias ON $alias.id = $int", base_relation($alias));
}

# A call, in one of the forms of FROM
sub lateral_call
{
	my ($self, $scope) = @_;
	my ($text, $relation) = chance(0.15) ? $self->rows_from($scope) : $self->called($scope);

	$text =~ s/ AS (\w+)$/ WITH ORDINALITY AS $1/ if chance(0.1);
	return ($self->lateral($text, $relation, $scope), $relation);
}

# Two calls side by side
sub rows_from
{
	my ($self, $scope) = @_;
	my $alias = $self->alias('q');
	my (@calls, @columns);

	foreach (1 .. 2)
	{
		my ($call, $set) = $self->set_call($scope);
		return ("$call AS $alias", { alias => $alias, %$set{qw(columns opaque)} }) if $set->{opaque};
		push @calls, $call;
		push @columns, map { [ "c$_", $set->{columns}[$_][1] ] } 0 .. $#{ $set->{columns} };
	}
	$columns[$_][0] = "c$_" for 0 .. $#columns;
	my $names = join ', ', map { $_->[0] } @columns;
	return ('ROWS FROM (' . join(', ', @calls) . ") AS $alias ($names)", { alias => $alias, columns => \@columns });
}

# A lateral item, in one of its joins
sub lateral
{
	my ($self, $text, $relation, $scope) = @_;
	my $both = [ @$scope, $relation ];

	return mostly(
		4 => sub { "CROSS JOIN LATERAL $text" },
		4 => sub { "LEFT JOIN LATERAL $text ON true" },
		2 => sub { "LEFT JOIN LATERAL $text ON " . $self->condition($both) },
		1 => sub { "LEFT JOIN LATERAL $text ON " . $self->condition($scope) },
		2 => sub { "JOIN LATERAL $text ON " . $self->condition($both) })->();
}

# A subquery that calls: one of several kinds, with its columns x (text) and n (int)
sub lateral_query
{
	my ($self, $scope) = @_;
	my ($call, $relation) = $self->called($scope);
	my $alias = $self->alias('s');
	my $inner = [$relation];
	my $both = [ @$scope, $relation ];
	my $x = $self->column($inner, 'text') // $self->column($inner, 'inet');
	my $n = $self->int_column($inner);

	$x = defined $x ? "${x}::text" : 'NULL::text';
	my $query = mostly(
		3 => sub { "SELECT string_agg($x, ',' ORDER BY $x) AS x, count(*)::int AS n FROM $call" },
		3 => sub { "SELECT $x AS x, $n AS n FROM $call ORDER BY 1, 2 LIMIT 1" },
		2 => sub { "SELECT $x AS x, $n AS n FROM $call LIMIT 2" },
		3 => sub { "SELECT $x AS x, $n AS n FROM $call WHERE " . $self->condition($both) },
		2 => sub { "SELECT $x AS x, $n AS n FROM $call WHERE " . $self->int_column($scope) . ' > 2' },
		2 => sub { "SELECT DISTINCT $x AS x, $n % 3 AS n FROM $call" },
		2 => sub { "SELECT coalesce($x, 'none') AS x, $n + " . $self->int_column($scope) . " AS n FROM $call" },
		2 => sub { "SELECT $x AS x, j.id AS n FROM $call JOIN few j ON j.grp = $n % 4" },
		2 => sub { "SELECT $x AS x, $n AS n FROM $call UNION ALL SELECT 'none', 0 FROM " . ($self->called($scope))[0] . ' LIMIT 1' },
		2 => sub { "SELECT $x AS x, $n AS n FROM $call UNION ALL SELECT " . $self->scalar_call($scope) . ', ' . $self->int_column($scope) },
		1 => sub { 'SELECT ' . $self->scalar_call($scope) . ' AS x, ' . $self->int_column($scope) . ' AS n OFFSET 0' },
		2 => sub { 'SELECT v.x, v.n FROM (VALUES (' . $self->scalar_call($scope) . '::text, 1), (' . $self->scalar_call($scope) . '::text, ' . $self->int_column($scope) . ')) AS v (x, n)' . pick('', '', ' LIMIT 1') },
		2 => sub { 'SELECT f.name AS x, f.id AS n FROM few f WHERE f.name > ' . $self->scalar_call($scope) . '::text' . pick('', ' ORDER BY 1, 2 LIMIT 2') },
		1 => sub { 'SELECT ' . $self->int_column($scope) . '::text AS x, 1 AS n WHERE ' . $self->scalar_call($scope) . ' IS NOT NULL' },
		2 => sub { $self->query_below($scope) })->();
	$relation = { alias => $alias, columns => [ [ 'x', chance(0.3) ? 'name' : 'text' ], [ 'n', 'int' ] ] };
	return ($self->lateral("($query) AS $alias", $relation, $scope), $relation);
}

# A subquery over a relation of its own, with a lookup for each row
sub query_below
{
	my ($self, $scope) = @_;
	my ($text, $relation) = $self->base;
	my ($call, $called) = $self->called([$relation]);
	my $t = $relation->{alias};
	my $x = $self->column([$called], 'text') // "$t.name";
	my $limit = chance(0.5) ? ' ORDER BY 1, 2 LIMIT ' . number(1, 3) : '';

	return "SELECT $x AS x, $t.id AS n FROM $text, LATERAL $call WHERE $t.id = " . $self->int_column($scope) . $limit;
}

1;
