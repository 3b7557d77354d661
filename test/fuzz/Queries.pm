# Random queries: the items of SELECT, and the shapes of a query. Each shape is a
# method that returns the text, and sets {query}, which EXPLAIN takes, and {compare},
# which tells how to compare results.

package Queries;

use strict;
use warnings;
use parent 'Relations';
use Chance;

# ---- The parts of a query

# An item of the SELECT list
sub item
{
	my ($self, $scope) = @_;
	my $relation = pick(@$scope);
	my $text = $self->column($scope, 'text') // q{''};

	return $self->call_item($scope) if $self->wants_call && chance(0.5);
	return $self->effect_value($scope, pick('int', 'text')) if $self->{effects} && chance(0.35);
	return $self->raising_int($scope) if $self->{raising} && chance(0.25);
	return mostly(
		6 => $self->column($scope, pick('text', 'inet')) // 1,
		5 => $self->int_column($scope),
		2 => "upper($text) || '!'",
		$relation->{opaque} ? () : (
			1 => $relation->{alias},
			1 => "to_jsonb($relation->{alias})",
			1 => "$relation->{alias} IS NULL"));
}

# The same with a call
sub call_item
{
	my ($self, $scope) = @_;
	my $int = $self->int_column($scope);

	return $self->subquery_item($scope) if chance(0.4);
	my $scalar = $self->scalar_call($scope);
	return mostly(
		8 => $scalar,
		2 => "$scalar || '!'",
		2 => "CASE WHEN $int > 2 THEN $scalar ELSE 'skipped' END",
		1 => "CASE WHEN $scalar IS NULL THEN $int ELSE 0 END",
		2 => "coalesce($scalar, 'none')",
		1 => "($int > 1 AND $scalar IS NOT NULL)",
		1 => "ROW($int, $scalar)",
		1 => "ARRAY[$scalar, 'x']");
}

# A correlated subquery
sub subquery_item
{
	my ($self, $scope) = @_;
	my ($from, $relation) = $self->steps($scope);
	my $inner = [$relation];
	my $x = $self->column($inner, 'text') // $self->column($inner, 'inet') // 1;
	my $where = chance(0.3) ? ' WHERE ' . $self->condition([ @$scope, $relation ], 2) : '';

	return mostly(
		3 => "(SELECT string_agg($x\::text, ',' ORDER BY $x\::text) FROM $from$where)",
		2 => "(SELECT count(*) FROM $from$where)",
		2 => "(SELECT $x\::text FROM $from$where LIMIT 1)",
		3 => "ARRAY(SELECT $x\::text FROM $from$where ORDER BY 1)",
		2 => "EXISTS (SELECT FROM $from$where)",
		2 => 'EXISTS (SELECT FROM few f WHERE f.name = ' . $self->scalar_call($scope) . '::text)',
		1 => '(SELECT max(f.id) FROM nothing f WHERE f.name <> ' . $self->scalar_call($scope) . '::text)',
		1 => "(SELECT (SELECT count(*) FROM few f WHERE f.id > " . $self->int_column($inner) . ") FROM $from$where LIMIT 1)",
		1 => '(' . $self->int_column($scope) . " > 2 AND EXISTS (SELECT FROM $from$where))");
}

# Relations, conditions and items; the first relation has an id.
sub parts
{
	my ($self) = @_;
	my ($from, $scope) = $self->from;
	my @where = map { $self->condition($scope) } 1 .. mostly(6 => 0, 4 => 1, 1 => 2);
	my @items = map { $self->item($scope) } 1 .. number(1, 3);

	push @items, $self->call_item($scope) if !$self->{called};
	unshift @items, "$scope->[0]{alias}.id";
	return { from => $from, scope => $scope, where => \@where, items => \@items };
}

# A SELECT of these parts, with further conditions
sub select
{
	my ($self, $parts, @where) = @_;
	my @all = (@{ $parts->{where} }, @where);
	my @items = map { "$parts->{items}[$_] AS i$_" } 0 .. $#{ $parts->{items} };

	return 'SELECT ' . ($parts->{distinct} // '') . join(', ', @items) . "\nFROM $parts->{from}"
	  . (@all ? "\nWHERE " . join("\n\tAND ", @all) : '');
}

# The query, with the WITH that its relations need. It can be explained.
sub whole
{
	my ($self, $query) = @_;
	my @with = @{ $self->{with} // [] };

	return $self->{query} = (@with ? 'WITH ' . join(",\n\t", @with) . "\n" : '') . $query;
}

sub order_by_all
{
	my ($parts) = @_;
	return "\nORDER BY " . join(', ', 1 .. @{ $parts->{items} });
}

# ---- Shapes

sub plain
{
	my ($self) = @_;
	my $parts = $self->parts;
	my $order = chance(0.3) ? order_by_all($parts) : '';

	return $self->whole($self->select($parts) . $order);
}

sub aggregated
{
	my ($self) = @_;
	my $query = $self->select($self->parts);

	return $self->whole(pick(
		"SELECT count(*), min(s.i1::text), string_agg(s::text, ' ' ORDER BY s::text) FROM ($query) AS s",
		"SELECT count(*) FROM ($query) AS s",
		"SELECT s.i0 FROM ($query) AS s WHERE s.i1 IS NOT NULL",
		"SELECT s.i0, t.grp FROM ($query) AS s LEFT JOIN hosts t ON t.id = s.i0",
		"SELECT s.i0 FROM ($query OFFSET 0) AS s WHERE s.i1 IS NOT NULL"));
}

sub grouped
{
	my ($self) = @_;
	my $parts = $self->parts;
	my $scope = $parts->{scope};
	my $int = $self->int_column($scope);
	my @keys = map { mostly(4 => "$int % 4", 2 => $self->column($scope, 'text')) } 1 .. number(1, 2);
	my $value = $self->wants_call ? $self->scalar_call($scope) : $self->column($scope, 'text');

	push @keys, $self->scalar_call($scope) if $self->wants_call && chance(0.2);
	my $keys = join ', ', @keys;
	my @items = (
		'count(*)',
		"max($value)" . (chance(0.3) ? ' FILTER (WHERE ' . $self->condition($scope, 2) . ')' : ''),
		chance(0.4) ? "string_agg(DISTINCT ($value)::text, ',')" : (),
		chance(0.3) ? 'count(' . $self->item($scope) . ')' : ());
	my $where = @{ $parts->{where} } ? "\nWHERE " . join(' AND ', @{ $parts->{where} }) : '';
	my $group = mostly(6 => $keys, 1 => "ROLLUP ($keys)", 1 => "GROUPING SETS (($keys), ())");
	my $having = chance(0.2) ? "\nHAVING " . pick('count(*) > 1', "max($value) IS NOT NULL") : '';

	return $self->whole('SELECT ' . join(', ', @keys, @items) . "\nFROM $parts->{from}$where\nGROUP BY $group$having");
}

sub distinct
{
	my ($self) = @_;
	my $parts = $self->parts;

	$parts->{distinct} = mostly(3 => 'DISTINCT ', 1 => "DISTINCT ON ($parts->{items}[0]) ");
	return $self->whole($self->select($parts) . ($parts->{distinct} =~ /ON/ ? order_by_all($parts) : ''));
}

sub limited
{
	my ($self) = @_;
	my $parts = $self->parts;
	my $ordered = chance(0.6);
	my $limit = "\nLIMIT " . number(0, 12) . (chance(0.3) ? ' OFFSET ' . number(0, 4) : '');

	$limit = "\nFETCH FIRST 3 ROWS WITH TIES" if $ordered && chance(0.1);
	$self->{compare} = 'count' if $self->{parallel} && !$ordered;
	return $self->whole($self->select($parts) . ($ordered ? order_by_all($parts) : '') . $limit);
}

# The query once for each of some numbers
sub rescanned
{
	my ($self) = @_;
	my $parts = $self->parts;
	my $query = $self->select($parts, "$parts->{scope}[0]{alias}.grp = g");
	my $limit = chance(0.4) ? order_by_all($parts) . ' LIMIT 2' : '';

	return $self->whole("SELECT g, (SELECT string_agg(s::text, ' ' ORDER BY s::text) FROM ($query$limit) AS s)\nFROM generate_series(0, 4) AS g");
}

sub rescanned_lateral
{
	my ($self) = @_;
	my $parts = $self->parts;
	my $query = $self->select($parts, "$parts->{scope}[0]{alias}.grp " . pick('=', '<') . ' g');
	my $limit = chance(0.6) ? order_by_all($parts) . ' LIMIT 3' : '';
	my $join = pick('CROSS JOIN', 'LEFT JOIN');

	return $self->whole("SELECT g, s.*\nFROM generate_series(0, 3) AS g $join LATERAL ($query$limit) AS s" . ($join =~ /LEFT/ ? ' ON true' : ''));
}

sub window
{
	my ($self) = @_;
	my $parts = $self->parts;
	my $scope = $parts->{scope};
	my $value = $self->wants_call && chance(0.6) ? $self->scalar_call($scope) : $self->column($scope, 'text') // q{''};
	my $grp = $self->int_column($scope) . ' % 3';

	push @{ $parts->{items} }, pick(
		"max($value) OVER (PARTITION BY $grp)",
		"count($value) OVER ()",
		"rank() OVER (PARTITION BY $grp ORDER BY $value)",
		"count(*) OVER (ORDER BY $value)",
		"lag($value) OVER (ORDER BY $grp)",
		"lead($value, 2) OVER (PARTITION BY $grp ORDER BY 1)",
		"first_value($value) OVER (PARTITION BY $grp ORDER BY $grp)",
		"string_agg(($value)::text, ',') OVER (ORDER BY $grp ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING)",
		"min($value) OVER (ORDER BY $grp ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING)");
	return $self->whole($self->select($parts));
}

# Calls that return sets, in the SELECT list
sub sets_in_select
{
	my ($self) = @_;
	my $parts = $self->parts;

	foreach (1 .. number(1, 2))
	{
		my ($call, $set) = $self->set_call($parts->{scope});
		push @{ $parts->{items} }, pick(map { "($call).$_->[0]" } @{ $set->{columns} });
		$parts->{items}[-1] = $call if !$set->{opaque} && chance(0.4);
	}
	my $end = chance(0.3) ? order_by_all($parts) . (chance(0.5) ? ' LIMIT 7' : '') : '';
	return $self->whole($self->select($parts) . $end);
}

sub with
{
	my ($self) = @_;
	my $query = $self->select($self->parts);
	my $name = $self->alias('w');

	push @{ $self->{with} }, "$name AS " . pick('', 'MATERIALIZED ', 'NOT MATERIALIZED ') . "($query)";
	return $self->whole(pick(
		"SELECT * FROM $name",
		"SELECT * FROM $name LIMIT 0",
		"SELECT a.i0, b.i1 FROM $name a JOIN $name b ON a.i0 = b.i0",
		"SELECT a.* FROM $name a WHERE EXISTS (SELECT FROM $name b WHERE b.i0 = a.i0 + 1)"));
}

sub recursive
{
	my ($self) = @_;
	my ($call, $called) = $self->called([ { alias => 'r', columns => [ [ 'n', 'name' ], [ 'd', 'int' ] ] } ]);
	my $next = $self->column([$called], 'name') // 'NULL';

	$self->{with} = [];
	return $self->{query} = <<"SQL";
WITH RECURSIVE r (n, d) AS (
	SELECT h.name, 0 FROM hosts h WHERE h.id < 12
	UNION ALL
	SELECT $next, r.d + 1 FROM r, LATERAL $call WHERE r.d < 3
)
SELECT d, n FROM r
SQL
}

sub combined
{
	my ($self) = @_;
	my @parts = ($self->parts, $self->parts);

	# as many columns as both have, all of them text
	foreach my $parts (@parts)
	{
		$parts->{items} = [ map { "($_)::text" } @{ $parts->{items} }[ 0, 1 ] ];
	}
	return $self->whole(join "\n" . pick('UNION ALL', 'UNION ALL', 'UNION', 'INTERSECT', 'EXCEPT') . "\n", map { $self->select($_) } @parts);
}

1;
