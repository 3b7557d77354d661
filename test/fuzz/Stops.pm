# Shapes whose reader can stop before the last row: with a limit that is not a
# constant, in a function, in a block of PL/pgSQL, or through a portal of the protocol.

package Stops;

use strict;
use warnings;
use parent 'Queries';
use Chance;

# A query whose first column is i0, and an order for it, or none: then the first rows
# of parallel workers are open.
sub stopped_query
{
	my ($self) = @_;
	my $parts = $self->parts;
	my $order = chance(0.3) ? Queries::order_by_all($parts) : '';

	$self->{compare} = 'count' if $self->{parallel} && $order eq '';
	return $self->whole($self->select($parts) . $order);
}

sub limited_otherwise
{
	my ($self) = @_;
	return $self->{query} = $self->stopped_query . "\n" . pick(
		'LIMIT (SELECT ' . number(1, 6) . ')',
		"LIMIT length('abc') OFFSET " . number(0, 2),
		'FETCH FIRST ROW ONLY',
		'OFFSET (SELECT 2) LIMIT 1',
		'OFFSET ' . number(1, 5),
		'LIMIT NULL OFFSET 1');
}

sub limited_by_parameter
{
	my ($self) = @_;
	my $query = $self->stopped_query;
	my @runs = map { 'EXECUTE p (' . pick(0, 1, 2, 3, 8, 'NULL') . ', ' . pick(0, 0, 1, 3) . ')' } 1 .. number(1, 3);

	delete $self->{query};
	$self->{runs} = @runs;
	return join ";\n", "PREPARE p (int, int) AS $query\nLIMIT \$1 OFFSET \$2", @runs, 'DEALLOCATE p';
}

# Does a row exist?
sub asked_whether
{
	my ($self) = @_;
	my $query = $self->stopped_query;
	my $n = number(1, 6);

	$self->{query} = pick(
		"SELECT EXISTS ($query)",
		"SELECT g, EXISTS (SELECT FROM ($query) AS s WHERE s.i0 >= g) FROM generate_series(1, 3) AS g",
		"SELECT g, g IN (SELECT s.i0 FROM ($query) AS s WHERE s.i0 > g - 3) FROM generate_series(1, 3) AS g",
		"SELECT g FROM generate_series(1, 9) AS g WHERE g IN (SELECT s.i0 FROM ($query) AS s)",
		"SELECT f.id FROM few f WHERE f.id < 5 AND NOT EXISTS (SELECT FROM ($query) AS s WHERE s.i0 = f.id + $n)",
		"SELECT g, (SELECT s.i1::text FROM ($query) AS s WHERE s.i0 >= g LIMIT 1) FROM generate_series(1, 3) AS g",
		"SELECT $n > ALL (SELECT s.i0 FROM ($query) AS s)");
	return $self->{query};
}

sub in_sql_function
{
	my ($self) = @_;
	my $query = $self->stopped_query;

	delete $self->{query};
	my ($returns, $limit, $call) = @{ pick(
			[ 'text', '', 'SELECT pg_temp.f(0)' ],
			[ 'text', '', 'SELECT f.id, pg_temp.f(f.id) FROM few f WHERE f.id < 3' ],
			[ 'SETOF text', '', 'SELECT pg_temp.f(0) LIMIT 2' ],
			[ 'SETOF text', ' LIMIT n', 'SELECT * FROM pg_temp.f(3)' ],
			[ 'SETOF text', ' LIMIT n', 'SELECT pg_temp.f(4)' ]) };
	$self->{runs} = $call =~ /few/ ? 2 : 1;
	return rolled_back("CREATE FUNCTION pg_temp.f(n int) RETURNS $returns LANGUAGE sql AS \$f\$\nSELECT s::text FROM ($query) AS s$limit\n\$f\$", $call);
}

sub in_block
{
	my ($self) = @_;
	my $query = $self->stopped_query;
	my $n = number(1, 4);

	return "SELECT first_row(\$q\$$query\$q\$)" if chance(0.2);
	return "SELECT * FROM rows_of_cursor(\$q\$$query\$q\$, $n)" if chance(0.25);
	delete $self->{query};
	return "SELECT * FROM returned(\$q\$$query\$q\$)" . pick('', " LIMIT $n") if chance(0.1);
	my $block = pick(
		"SELECT * INTO v_r FROM ($query) AS s; RAISE NOTICE '%', v_r",
		"SELECT * INTO STRICT v_r FROM ($query LIMIT 1) AS s; RAISE NOTICE '%', v_r",
		"FOR v_r IN $query LOOP RAISE NOTICE '%', v_r; v_n := v_n + 1; EXIT WHEN v_n >= $n; END LOOP",
		"EXECUTE \$q\$$query\$q\$ INTO v_r; RAISE NOTICE '%', v_r",
		"PERFORM * FROM ($query) AS s LIMIT $n; RAISE NOTICE '%', FOUND",
		"IF EXISTS ($query) THEN RAISE NOTICE 'there are'; END IF",
		"OPEN v_c FOR $query; FETCH v_c INTO v_r; RAISE NOTICE '%', v_r; MOVE v_c; FETCH v_c INTO v_r; RAISE NOTICE '%', v_r; CLOSE v_c");
	return "DO \$do\$\nDECLARE v_r record; v_n int := 0; v_c refcursor;\nBEGIN\n$block;\nEND\n\$do\$";
}

# ---- Portals

# A client with a fetch size: it takes some rows, then more or none; it has two portals
# side by side, and sends a Sync in between.
sub portals
{
	my ($self) = @_;
	my $query = $self->stopped_query;
	my $is_limited = chance(0.2);
	my @steps = ([ run => 'BEGIN' ], [ parse => 's0', $query . ($is_limited ? "\nLIMIT \$1" : '') ], portal(0, 0, $is_limited));

	$self->{runs} = chance(0.3) ? 2 : 1;
	push @steps, chance(0.5) ? portal(1, 0, $is_limited)
	  : ([ parse => 's1', $self->whole($self->select($self->parts)) ], portal(1, 1)) if $self->{runs} == 2;
	foreach (1 .. number(1, 4))
	{
		push @steps, [ execute => 'p' . number(0, $self->{runs} - 1), mostly(3 => 1, 3 => 2, 2 => 5, 1 => 0) ];
		push @steps, ['sync'] if chance(0.2);
	}
	push @steps, [ close => 'p0' ] if chance(0.4);
	return $self->stepwise(@steps, [ run => 'ROLLBACK' ]);
}

# A portal of a statement; with a value if that has a parameter
sub portal
{
	my ($portal, $statement, $is_limited) = @_;
	return [ bind => "p$portal", "s$statement", $is_limited ? pick(0, 1, 3, undef) : () ];
}

# The row that a portal is at is updated.
sub current_of_portal
{
	my ($self) = @_;
	my $own = [ Relations::base_relation('u') ];
	my $query = $self->{query} = 'SELECT u.id, ' . $self->call_item($own) . ' FROM queue u'
	  . (chance(0.4) ? ' WHERE ' . $self->condition($own) : '') . pick('', ' FOR UPDATE');

	return $self->stepwise([ run => 'BEGIN' ], [ parse => 's', $query ], [ bind => 'p', 's' ], [ execute => 'p', number(1, 3) ],
		[ run => "UPDATE queue SET state = 'current' WHERE CURRENT OF p RETURNING id, name" ], [ execute => 'p', 2 ],
		[ run => 'DELETE FROM queue WHERE CURRENT OF p RETURNING id' ], [ run => 'ROLLBACK' ]);
}

# The text of steps, for people; psql can run all lines that are not comments.
sub stepwise
{
	my ($self, @steps) = @_;

	$self->{steps} = \@steps;
	$self->{stops_early} = 1;
	$self->{compare} = 'exact' if !$self->{parallel};
	return join "\n", map {
		my ($kind, @rest) = @$_;
		$kind eq 'parse' ? "-- $rest[0]:\n$rest[1];" : $kind eq 'run' ? "$rest[0];" : "-- $kind @{[ map { $_ // 'NULL' } @rest ]}" } @steps;
}

# Statements in a transaction that is rolled back
sub rolled_back
{
	return join "\n", map { "$_;" } 'BEGIN', @_, 'ROLLBACK';
}

1;
