# Random statements with lookups in them.
#
#   my $statement = Statements->random("$seed/$number", $major);
#   $statement->{settings}   a list such as 'enable_hashjoin = off'
#   $statement->{sql}        the text to run
#   $statement->{compare}    'exact': rows, notices and errors have a fixed order
#                            'sorted': any order; 'count': only their number is fixed
#   $statement->{called}     the number of calls in it
#   $statement->{steps}      if present, run these in place of sql: see
#                            Session::send_steps()
#   $statement->{stops_early}  true if it can stop before the last row
#   $statement->{runs}       how often a plan of it is started; the default is 1
#   $statement->{swallows}   true if it goes on after an error within
#   $statement->{query}      a query that EXPLAIN takes, or undefined
#
# The same seed gives the same statement. Plans that run in one process return their
# rows in the same order each time, even if the statement has no ORDER BY; with
# parallel workers nothing raises or warns, since their order is open.

package Statements;

use strict;
use warnings;
use parent 'Stops';
use Chance;

my @shapes = (
	30 => 'plain',
	8 => 'aggregated',
	10 => 'grouped',
	5 => 'distinct',
	8 => 'limited',
	6 => 'rescanned',
	6 => 'rescanned_lateral',
	4 => 'window',
	7 => 'sets_in_select',
	6 => 'with',
	2 => 'recursive',
	4 => 'combined',
	4 => 'inserted',
	6 => 'updated',
	3 => 'deleted',
	2 => 'merged',
	2 => 'locked',
	5 => 'cursor',
	2 => 'current_of',
	4 => 'prepared',
	4 => 'in_a_function',
	7 => 'limited_otherwise',
	5 => 'limited_by_parameter',
	7 => 'asked_whether',
	5 => 'in_sql_function',
	8 => 'in_block',
	9 => 'portals',
	4 => 'current_of_portal',
	5 => 'modified_first');

# Statements that change something, or whose plan must not be parallel
my %own_order = map { $_ => 1 } qw(updated merged current_of current_of_portal);

sub random
{
	my ($class, $seed, $major) = @_;

	seed($seed);
	my $parallel = chance(0.2);
	my $raising = !$parallel && chance(0.3);
	my $self = $class->new(errors => !$parallel && chance($raising ? 0.15 : 0.5), raising => $raising, effects => !$parallel && chance(0.45));
	my $shape = mostly(@shapes);

	$self->{settings} = [ $self->random_settings($parallel, $major) ];
	$self->{compare} = $parallel && !$own_order{$shape} ? 'sorted' : 'exact';
	$self->{parallel} = $parallel;
	$self->{shape} = $shape;
	$self->{sql} = $self->$shape;
	$self->{sql} = Stops::rolled_back($self->{sql}) if $self->{sql} =~ /take_job/ && $self->{sql} !~ /ROLLBACK/;
	$self->{stops_early} ||= $self->{sql} =~ /LIMIT|FETCH|EXISTS|\b(?:IN|ALL) \(SELECT|some_rows|first_row|rows_of_cursor|INTO (?:STRICT )?v_r|EXIT|pg_temp/;
	$self->{swallows} = $self->{sql} =~ /attempt|rows_or_error/;
	return $self;
}

# Parts of a statement that matter to look-ahead
my %minded = (
	'with effects' => qr/wrote|kept|===|::written|boxed|written_sum|nextval|currval|logged|has_log|advisory|set_config|current_setting|take_job|FOR (?:UPDATE|SHARE)|queue/,
	'with what may raise' => qr/1 \/ \(|raises_|not_two|THEN 'x' ELSE|f\.id < 2 \+/,
	'that read what may be written' => qr/currval|logged|has_log|current_setting|state = 'new'|FROM log/);

sub kinds
{
	my ($self) = @_;
	my @kinds = grep { $self->{sql} =~ $minded{$_} } sort keys %minded;

	return (@kinds, $self->{stops_early} ? 'that stop early' : (), $self->{parallel} ? 'parallel' : ());
}

sub random_settings
{
	my ($self, $parallel, $major) = @_;
	my $parallel_mode = $major >= 16 ? 'debug_parallel_query' : 'force_parallel_mode';
	my @settings = map { "enable_$_ = off" } grep { chance(0.12) }
	  qw(hashjoin nestloop mergejoin seqscan indexscan bitmapscan material memoize hashagg sort indexonlyscan incremental_sort);

	push @settings, "pgcares.max_in_flight = " . pick(1, 2, 5, 64, 256);
	push @settings, "work_mem = '" . pick('64kB', '256kB', '4MB') . "'";
	push @settings, 'pgcares.on_error = ' . ($self->{errors} ? pick('ignore', 'warning', 'error', 'missing_ok') : 'ignore');
	push @settings, 'join_collapse_limit = 1' if chance(0.1);
	push @settings, 'enable_partitionwise_join = on' if chance(0.1);
	push @settings, 'plan_cache_mode = ' . pick('force_generic_plan', 'force_custom_plan') if chance(0.5);
	push @settings, 'cursor_tuple_fraction = 1' if chance(0.3);
	if ($parallel)
	{
		push @settings, 'parallel_setup_cost = 0', 'parallel_tuple_cost = 0', 'min_parallel_table_scan_size = 0',
		  'min_parallel_index_scan_size = 0';
		push @settings, "$parallel_mode = on" if chance(0.4);
		push @settings, 'parallel_leader_participation = off' if chance(0.2);
		push @settings, 'enable_parallel_append = off' if chance(0.2);
	}
	else
	{
		push @settings, 'max_parallel_workers_per_gather = 0';
	}
	return @settings;
}

# ---- Shapes that are more than a query

# A whole query of any shape that returns rows of i0 and i1
sub two_columns
{
	my ($self) = @_;
	my $parts = $self->parts;

	$parts->{items} = [ $parts->{items}[0], "($parts->{items}[1])::text" ];
	return $self->whole($self->select($parts));
}

sub inserted
{
	my ($self) = @_;
	my $query = $self->two_columns;
	my $insert = "INSERT INTO added " . pick($query, "SELECT * FROM ($query) AS s");

	$self->{query} = $insert;
	return Stops::rolled_back(pick(
		("$insert\nRETURNING id, note") x 2,
		"$insert;\nSELECT id, note FROM added ORDER BY id, note",
		"INSERT INTO changed (id, note)\nSELECT DISTINCT ON (s.i0) s.* FROM ($query) AS s WHERE s.i0 IS NOT NULL\n"
		  . 'ON CONFLICT (id) DO UPDATE SET note = excluded.note RETURNING id, note',
		"CREATE TABLE made AS\n$query;\nSELECT * FROM made ORDER BY 1, 2"));
}

sub updated
{
	my ($self) = @_;
	my $own = [ Relations::base_relation('u') ];

	if (chance(0.5))
	{
		my $update = 'UPDATE changed u SET note = ' . $self->call_item($own) . '::text';
		$update .= "\nWHERE " . $self->condition($own) if chance(0.6);
		$self->{query} = $update;
		return Stops::rolled_back("$update\nRETURNING u.id, u.note" . $self->returned($own));
	}
	my $parts = $self->parts;
	my ($from, $scope) = @$parts{qw(from scope)};
	my @where = ("u.id = $scope->[0]{alias}.id", @{ $parts->{where} });

	return Stops::rolled_back($self->whole("UPDATE changed u SET note = ($parts->{items}[1])::text\nFROM $from\nWHERE "
			  . join("\n\tAND ", @where)) . "\nRETURNING u.id, u.note" . $self->returned($own));
}

sub deleted
{
	my ($self) = @_;
	my $own = [ Relations::base_relation('u') ];
	my $delete = 'DELETE FROM changed u WHERE ' . $self->call_condition($own);

	$delete .= ' AND ' . $self->condition($own) if chance(0.5);
	$self->{query} = $delete;
	return Stops::rolled_back("$delete\nRETURNING u.id, u.name" . $self->returned($own));
}

# A call in RETURNING, of columns of the changed table
sub returned
{
	my ($self, $own) = @_;
	return $self->wants_call && chance(0.5) ? ', ' . $self->scalar_call($own) : '';
}

sub merged
{
	my ($self) = @_;
	my $query = $self->two_columns;
	my $target = [ Relations::base_relation('u') ];
	my $note = $self->wants_call ? $self->call_item($target) : 's.i1';
	my $first = chance(0.3) ? "WHEN MATCHED AND " . $self->condition($target) . " THEN DELETE\n" : '';
	my $other = chance(0.3) ? "WHEN NOT MATCHED AND s.i0 % 3 = 0 THEN DO NOTHING\n" : '';

	$self->{query} = <<"SQL";
MERGE INTO changed u USING (SELECT DISTINCT ON (q.i0) q.* FROM ($query) AS q WHERE q.i0 IS NOT NULL) AS s ON u.id = s.i0
${first}WHEN MATCHED THEN UPDATE SET note = ($note)::text
${other}WHEN NOT MATCHED THEN INSERT (id, note) VALUES (s.i0, s.i1)
SQL
	return Stops::rolled_back($self->{query}, 'SELECT id, note FROM changed ORDER BY id');
}

sub locked
{
	my ($self) = @_;
	my $own = [ Relations::base_relation('u') ];
	my ($call, $relation) = $self->called($own);
	my @scope = (@$own, $relation);
	my $item = $self->item(\@scope);

	$self->{query} = "SELECT u.id, $item FROM changed u, LATERAL $call WHERE " . $self->condition(\@scope) . ' FOR UPDATE OF u';
	return Stops::rolled_back($self->{query});
}

sub cursor
{
	my ($self) = @_;
	my $shape = pick(qw(plain plain plain grouped limited sets_in_select));
	my $kind = pick('', '', 'NO SCROLL', 'SCROLL');
	my @fetches = map { pick('FETCH 1', 'FETCH 3', 'FETCH 5', 'MOVE 2', 'FETCH 0', $kind ne '' ? 'FETCH BACKWARD 2' : 'FETCH 2') . ' FROM c' } 1 .. number(1, 4);

	push @fetches, 'FETCH ALL FROM c' if chance(0.4);
	push @fetches, 'CLOSE c' if chance(0.5);
	$self->{compare} = 'exact';
	return Stops::rolled_back("DECLARE c $kind CURSOR " . pick('', '', 'WITH HOLD ') . 'FOR ' . $self->$shape, @fetches);
}

sub current_of
{
	my ($self) = @_;
	my $own = [ Relations::base_relation('u') ];
	my $where = chance(0.3) ? ' WHERE ' . $self->condition($own) : '';
	my $query = 'SELECT u.id, ' . $self->call_item($own) . " FROM changed u$where" . pick('', ' FOR UPDATE');

	return Stops::rolled_back('DECLARE c ' . pick('', 'NO SCROLL ') . "CURSOR FOR $query", 'FETCH 3 FROM c',
		"UPDATE changed SET note = 'current' WHERE CURRENT OF c RETURNING id, name", 'FETCH 2 FROM c',
		'DELETE FROM changed WHERE CURRENT OF c RETURNING id', 'FETCH 2 FROM c');
}

# The rows that WITH has changed are looked up.
sub modified_first
{
	my ($self) = @_;
	my $shape = pick(qw(plain plain limited grouped aggregated sets_in_select));

	$self->{modifying} = 1;
	return Stops::rolled_back($self->$shape, 'SELECT id, state FROM queue ORDER BY id');
}

# Plans that are made once and run with several values
sub prepared
{
	my ($self) = @_;
	my $parts = $self->parts;
	my $condition = pick("$parts->{scope}[0]{alias}.id > \$1", "$parts->{scope}[0]{alias}.id % 5 = \$1", '$1 > 2');
	my $query = $self->whole($self->select($parts, $condition));

	my @runs = map { 'EXECUTE p (' . pick(0, 3, 20, 'NULL') . ')' } 1 .. number(1, 3);

	delete $self->{query};
	$self->{runs} = @runs;
	return join ";\n", "PREPARE p (int) AS $query", @runs, 'DEALLOCATE p';
}

sub in_a_function
{
	my ($self) = @_;
	my $shape = pick(qw(plain plain plain aggregated sets_in_select limited));
	my $query = $self->$shape;

	$self->{compare} = 'count' if $self->{compare} eq 'sorted';
	$self->{runs} = 3;
	return pick(
		"SELECT * FROM some_rows(\$query\$$query\$query\$, " . number(0, 6) . ')',
		$self->{called} > 1 ? () : "SELECT * FROM rows_or_error(\$query\$$query\$query\$)",
		"SELECT t.id, (SELECT count(*) FROM some_rows(\$query\$$query\$query\$, t.id)) FROM few t WHERE t.id < 4");
}

1;
