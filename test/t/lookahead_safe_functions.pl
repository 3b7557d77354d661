# Property: the functions of the server that look-ahead runs for rows before their turn raise
# nothing, or only errors that it can hold back, as src/lookahead/safe_names.c states. Each is
# called with awkward values of the types of its arguments.

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Session;

# The most calls of a function; the rest of the combinations is left out
use constant CALLS => 150;

my $node = Session->cluster([], 'jit = off', 'max_parallel_workers_per_gather = 0', 'track_activities = off', 'log_min_error_statement = panic',
	'log_min_messages = panic');
my $session = Session->new($node, options => '-c statement_timeout=120s -c client_min_messages=error');

# ---- The kinds, and what they promise

my $source = slurp_file("$FindBin::Bin/../../src/lookahead/safe_names.c");
my %names = $source =~ /^static const char \*const (\w+)\[\] = \{\n(.*?)\n\};$/msg;
my %raises_nothing = map { $_ => 1 } qw(raises_nothing needs_collation changes_case searches_text prints_all compares_values);
my %kind = map { my $kind = $_; map { $_ => $kind } $names{$kind} =~ /"(\w+)"/g } keys %names;

cmp_ok(scalar(keys %kind), '>', 300, 'functions by name');
is(join(' ', grep { my @listed = $names{$_} =~ /"(\w+)"/g; "@listed" ne join ' ', sort @listed } sort keys %names), '', '... in order');

# The last arguments of these, but for explicit casts, are made by the parser alone.
my %by_parser = map { $_ => 1 } qw(bpchar interval_scale);

# ---- Values

my @texts = ("''", "'a'", "'a.b.c'", "'%'", "'\\'", "'['", "'2020-01-01'", "'year'", "'infinity'", "E'\\u00e4\\n'", "'UTF8'", "'{1,2}'");
my @times = ("'2020-02-29 12:00'", "'infinity'", "'-infinity'", "'294276-12-31'", "'4713-01-01 BC'");
my %values = (
	boolean => [ 'true', 'false' ],
	smallint => [ 0, 1, -32768, 32767 ],
	integer => [ 0, 1, -1, 7, -2147483648, 2147483647 ],
	bigint => [ 0, 1, -1, '-9223372036854775808', '9223372036854775807' ],
	real => [ 0, 1, "'NaN'", "'-Infinity'", '3e38', '1e-45' ],
	'double precision' => [ 0, 1, -1, "'NaN'", "'Infinity'", '1e308', '-1e308', '5e-324' ],
	numeric => [ 0, 1, -1.5, "'NaN'", "'Infinity'", '1e100', '1e-100' ],
	text => \@texts, name => \@texts, 'character varying' => \@texts, character => \@texts, '"char"' => [ "''", "'a'", "'\\303'" ],
	bytea => [ "''", "'\\x00'", "'\\xc3'", "'\\x61ff'" ],
	date => [ "'2020-02-29'", "'infinity'", "'-infinity'", "'5874897-12-31'", "'4713-01-01 BC'" ],
	'timestamp without time zone' => \@times, 'timestamp with time zone' => \@times,
	'time without time zone' => [ "'00:00'", "'24:00'" ], 'time with time zone' => [ "'00:00+15'", "'24:00-15'" ],
	interval => [ "'0'", "'1 day'", "'-1 month'", "'178000000 years'", "'1 us'", "'-2147483648 days'" ],
	inet => [ "'192.0.2.1'", "'0.0.0.0/0'", "'::'", "'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/7'" ],
	cidr => [ "'192.0.2.0/24'", "'::/0'" ],
	json => [ q{'1'}, q{'null'}, q{'"a"'}, q{'[1,[2],{"a":3}]'}, q{'{"a":{"b":1},"1":2}'}, q{'[]'} ],
	jsonpath => [ q{'$'}, q{'$.a'}, q{'strict $.a'}, q{'$[*] ? (@ > 1)'}, q{'$.a.double()'}, q{'$[5 to 1]'} ],
	tsvector => [ q{''}, q{'a:1 b:2'} ], tsquery => [ q{''}, q{'a & !b'} ],
	uuid => [ q{'00000000-0000-0000-0000-000000000000'} ], oid => [ 0, 4294967295 ],
	'text[]' => [ q{'{}'}, q{'{a,NULL,1}'}, q{'{{a,b},{c,d}}'} ], 'integer[]' => [ q{'{}'}, q{'{1,NULL,2}'}, q{'{{1,2},{3,4}}'} ],
	int4range => [ q{'empty'}, q{'[1,5)'}, q{'(,)'}, q{'[7,8)'} ], int4multirange => [ q{'{}'}, q{'{[1,5),[7,9)}'} ],
	cstring => undef, internal => undef);
$values{jsonb} = $values{json};

# Types that stand for any: the values are numbers.
my %stands_for = (anyarray => 'integer[]', anycompatiblearray => 'integer[]', anyelement => 'integer', anycompatible => 'integer', anynonarray => 'integer',
	anyrange => 'int4range', anycompatiblerange => 'int4range', anymultirange => 'int4multirange', '"any"' => 'integer');

# The calls of a function: all combinations of values, with NULL, or so many of them
sub calls
{
	my ($function, $is_variadic, @types) = @_;
	my @sets = map { my $type = $stands_for{$_} // $_; [ map { "CAST($_ AS $type)" } 'NULL', @{ $values{$type} } ] } @types;
	my $all = 1;

	$all *= @$_ foreach @sets;
	my $step = $all > CALLS ? int($all / CALLS) + 1 : 1;
	$step++ while $step > 1 && grep { @$_ % $step == 0 || $step % @$_ == 0 } @sets;
	my @calls;
	for (my $number = 0; $number < $all; $number += $step)
	{
		my $rest = $number;
		my @arguments = map { my $value = $_->[ $rest % @$_ ]; $rest = int($rest / @$_); $value } @sets;
		$arguments[-1] = "VARIADIC $arguments[-1]" if $is_variadic;
		push @calls, "SELECT pg_catalog.\"$function\"(" . join(', ', @arguments) . ')';
	}
	return @calls;
}

# ---- Each function

$session->text(q{CREATE FUNCTION states(calls text[]) RETURNS TABLE (state text, call text) LANGUAGE plpgsql AS $$
BEGIN
	FOREACH call IN ARRAY calls LOOP
		BEGIN
			EXECUTE 'SELECT count(y) FROM (' || call || ' LIMIT 3) x (y)';
		EXCEPTION WHEN OTHERS THEN
			state := SQLSTATE;
			RETURN NEXT;
		END;
	END LOOP;
END
$$});

my $functions = $session->query(sprintf q{SELECT prosrc, proname, array_to_json(ARRAY(SELECT format_type(t, NULL) FROM unnest(proargtypes) WITH ORDINALITY u (t, n) ORDER BY n)),
	provariadic <> 0 AND provariadic <> '"any"'::regtype FROM pg_proc WHERE prolang = 12 AND prokind = 'f' AND prosrc IN (%s) ORDER BY prosrc, oid}, join ', ', map { "'$_'" } keys %kind)->{rows};
my (%seen, @unknown, %wrong, $count);

foreach (@$functions)
{
	my ($name, $function, $types, $is_variadic) = @$_;
	my @types = $types =~ /"((?:[^"\\]|\\.)*)"/g;

	s/\\"/"/g foreach @types;
	$seen{$name} = 1;
	push @unknown, "$function(@types)" if grep { !defined $values{ $stands_for{$_} // $_ } } @types;
	next if grep { !defined $values{ $stands_for{$_} // $_ } } @types;
	# The server repeats nothing two billion times.
	my @calls = grep { !/repeat"\(CAST\('' / } calls($function, $is_variadic eq 't', @types);
	$count += @calls;
	my $result = $session->query('SELECT state, call FROM states(ARRAY[' . join(', ', map { '$c$' . $_ . '$c$' } @calls) . '])');
	die "$function: $result->{error}{M}\n" if $result->{error};
	foreach my $row (@{ $result->{rows} })
	{
		my ($state, $call) = @$row;
		next if !$raises_nothing{ $kind{$name} } && $state =~ /^(?:22...|54000|0A000|42601)$/;
		next if $by_parser{$name} && $state eq 'XX000';
		$wrong{$name} //= "$kind{$name}: $state $call";
	}
}
note("$count calls of ${\ scalar @$functions} functions; not called, for want of values: @unknown");
cmp_ok($count, '>', 20000, 'calls');
cmp_ok(scalar(@unknown), '<', 60, '... of nearly all');
is(join("\n", map { "$_: $wrong{$_}" } sort keys %wrong), '', '... and each raises what its kind says');
cmp_ok(scalar(grep { !$seen{$_} } keys %kind), '<', 10, 'the server has nearly all of them');

done_testing();
