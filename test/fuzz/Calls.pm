# Random calls of the lookup functions, their arguments, and expressions around
# them. A call can refer to a scope, which is a list of relations:
#
#   { alias => 't1', columns => [ [ 'id', 'int' ], [ 'name', 'name' ], ... ] }
#
# Types are int, inet, text, name (a text that can be asked) and "-", which stands for
# an unknown type; an "opaque" relation has more columns than these. Everything is
# the same in each run; expressions that are volatile on purpose give one value too.

package Calls;

use strict;
use warnings;
use parent 'Effects';
use Chance;

# In a call: %n is a name, %s a short one for the search list, %i an address, %k a
# record type, %f a family, %e the on_error argument, %h the name server.
our $server;
my @sets = map { set($_) } grep { /\S/ } split /\n/, <<'SETS';
dns_a(%n, %e)                       | address inet, ttl int
dns_a(%n)                           | address inet, ttl int
dns_aaaa(%n, %e)                    | address inet, ttl int
dns_mx(%n, %e)                      | preference int, exchange name, ttl int
dns_mx(%n, %e)                      | preference int, exchange name, ttl int
dns_mx(%n, on_error => %e)          | preference int, exchange name, ttl int
dns_mx(%n)                          | preference int, exchange name, ttl int
dns_ns(%n, %e)                      | nsdname name, ttl int
dns_cname(%n, %e)                   | cname name, ttl int
dns_txt(%n, %e)                     | txt text, strings -, ttl int
dns_srv(%n, %e)                     | priority int, weight int, port int, target name, ttl int
dns_ptr(%i, %e)                     | ptrdname name, ttl int
dns_ptr(%n, %e)                     | ptrdname name, ttl int
dns_query(%n, %k, on_error => %e)   | name name, ttl int, class text, type text, rdata text, data -
dns_query(%n)                       | name name, ttl int, class text, type text, rdata text, data -
dns_search(%s, %k, on_error => %e)  | name name, ttl int, class text, type text, rdata text, data -
dns_soa(%n, %e)                     | mname name, ...
dns_addresses(%n, %f, %e)           | address inet, ttl int
dns_addresses(%n, on_error => %e)   | address inet, ttl int
dns_getaddrinfo(%n, 'https', %f, on_error => %e) | address inet, port int, ...
dns_getaddrinfo(%n, 443, %f, on_error => %e) | address inet, port int, ...
dns_gethostbyname(%n, %f, %e)       | name name, aliases -, addresses -
dns_gethostbyaddr(%i, %e)           | name name, aliases -, addresses -
dns_getnameinfo(%i, 53, on_error => %e) | node name, service text
dns_message(%n, %k)                 | status text, rcode int, ...
dns_query_at(%h, %n, %k, on_error => %e) | name name, ttl int, class text, type text, rdata text, data -
dns_message_at(%h, %n, %k)          | status text, rcode int, ...
dns_query_many(ARRAY[%n, %n], %k)   | ord int, question text, status text, name name, rdata text, ...
mx_stable(%n, %e)                   | preference int, exchange name, ttl int
mx_strict(%n, %e)                   | preference int, exchange name, ttl int
mx_restricted(%n, %e)               | preference int, exchange name, ttl int
mx_inlined(%n, %e)                  | preference int, exchange name, ttl int
mx_as_is(%n, %e)                    | preference int, exchange name, ttl int
SETS

# Calls with one value, as text
my @scalars = (
	'host(dns_lookup(%n, %f, %e))', 'host(dns_lookup(%n, on_error => %e))', 'dns_lookup(%n)::text',
	'dns_reverse(%i, %e)', 'upper(dns_reverse(%i, %e))', 'dns_reverse(%i)',
	'lookup_stable(%n, 4, %e)::text', 'reverse_strict(%i, %e)',
	q{dns_message_json(%n, %k) ->> 'RCODE'}, 'attempt(%n)');

sub set
{
	my ($call, $columns) = split /\s*\|\s*/, $_[0];
	my $opaque = $columns =~ s/, \.\.\.$//;

	return { call => $call, opaque => $opaque, columns => [ map { [ split ' ' ] } split /, /, $columns ] };
}

# Decisions for a whole statement: can calls raise or warn (errors)? Can other
# expressions raise (raising), or have effects (effects)?
sub new
{
	my ($class, %self) = @_;
	return bless { %self, aliases => 0, called => 0, calls => number(1, 5) }, $class;
}

sub alias
{
	my ($self, $letter) = @_;
	return $letter . ++$self->{aliases};
}

# Is there room for one more call?
sub wants_call
{
	my ($self) = @_;
	return $self->{calls} > 0;
}

# A call that returns a set: its text and its parts
sub set_call
{
	my ($self, $scope) = @_;
	my $set = pick(@sets);

	$self->{calls}--;
	$self->{called}++;
	return ($self->filled($set->{call}, $scope), $set);
}

# A call that returns one text
sub scalar_call
{
	my ($self, $scope) = @_;

	$self->{calls}--;
	$self->{called}++;
	return $self->filled(pick(@scalars), $scope);
}

sub filled
{
	my ($self, $call, $scope) = @_;
	my %fill = (
		n => sub { $self->name($scope) },
		s => sub { pick($self->name($scope), 'split_part(' . $self->name($scope) . q{, '.', 1)}) },
		i => sub { $self->address($scope) },
		k => sub { mostly(3 => q{'MX'}, 2 => q{'A'}, 1 => q{'TXT'}, 1 => q{'65'}, 3 => $self->column($scope, 'kind') // q{'NS'}) },
		f => sub { mostly(3 => 0, 1 => 4, 1 => 6, 1 => 'CASE WHEN ' . ($self->column($scope, 'int') // 1) . ' % 2 = 0 THEN 4 ELSE 6 END') },
		h => sub { "'$server'" },
		e => sub { $self->on_error($scope) });

	$call =~ s/%(\w)/$fill{$1}->()/ge;
	return $call;
}

# A random column of a type; nothing if there is none. The latest relations come
# more often.
sub column
{
	my ($self, $scope, $type) = @_;
	my @found;

	foreach my $relation (@$scope)
	{
		my @columns = map { "$relation->{alias}.$_->[0]" }
		  grep { $_->[1] eq $type || $type eq 'kind' && $_->[0] eq 'kind' || $type eq 'text' && $_->[1] eq 'name' } @{ $relation->{columns} };
		push @found, \@columns if @columns;
	}
	return undef if !@found;
	return pick(@{ chance(0.4) ? $found[-1] : pick(@found) });
}

sub int_column
{
	my ($self, $scope) = @_;
	return $self->column($scope, 'int') // number(0, 5);
}

# An argument that is a name
sub name
{
	my ($self, $scope) = @_;
	my $column = $self->column($scope, 'name');

	return $self->constant_name if !$column || chance(0.03);
	return $column if chance(0.6);

	my $int = $self->int_column($scope);
	return $self->raising_text($scope, $column) if $self->{raising} && chance(0.3);
	return "kept($column)" if $self->{effects} && chance(0.08);
	return mostly(
		4 => "lower($column)",
		3 => "$column || ''",
		3 => "coalesce($column, " . $self->constant_name . ')',
		3 => "CASE WHEN $int % 3 > 0 THEN $column END",
		3 => "NULLIF($column, 'shop.example')",
		3 => "'ip-10-0-' || abs($int) % 256 || '-7.dyn.example'",
		2 => "(SELECT max(s.name) FROM few s WHERE s.grp = $int % 3)",
		2 => "$column || left(random()::text, 0)",
		2 => "regexp_replace($column, '^[^.]*[.]', '')",
		2 => "(ARRAY[$column, 'multi.all.example'])[1 + abs($int) % 2]",
		1 => 'dns_reverse(' . $self->address($scope) . ", 'ignore')");
}

sub constant_name
{
	my ($self) = @_;
	my @unsound = $self->{errors} ? 'a..b' : ();

	return q{text '} . pick('shop.example', 'mx.all.example', 'nothing.all.example', 'chain3.all.example', 'many.all.example', @unsound) . q{'};
}

# An argument that is an address
sub address
{
	my ($self, $scope) = @_;
	my $column = $self->column($scope, 'inet');
	my $int = $self->int_column($scope);

	return $column if $column && chance(0.6);
	return mostly(
		4 => "inet '10.7.0.0' + $int",
		2 => "('10.1.' || abs($int) % 7 || '.' || abs($int) % 256)::inet",
		2 => "inet '192.0.2.53'",
		$column ? (3 => "set_masklen($column, 24)", 2 => "coalesce($column, inet '10.0.0.1')") : ());
}

# The on_error argument, as text or NULL
sub on_error
{
	my ($self, $scope) = @_;

	return q{'ignore'} if !$self->{errors};
	return mostly(
		16 => q{'ignore'},
		6 => q{'warning'},
		3 => q{'missing_ok'},
		2 => q{'error'},
		2 => 'NULL',
		2 => 'CASE WHEN ' . $self->int_column($scope) . q{ % 2 = 0 THEN 'ignore' ELSE 'warning' END});
}

# A condition on a row
sub condition
{
	my ($self, $scope, $depth) = @_;
	my $int = $self->int_column($scope);
	my $text = $self->column($scope, 'text') // q{'x'};
	my $inet = $self->column($scope, 'inet');

	$depth //= 0;
	return $self->effect_condition($scope) if $self->{effects} && chance(0.3);
	return $self->raising_condition($scope) if $self->{raising} && chance(0.25);
	return $self->call_condition($scope) if $self->wants_call && chance(0.35);
	if ($depth < 2 && chance(0.2))
	{
		my @parts = map { $self->condition($scope, $depth + 1) } 1 .. 2;
		return pick('', '', 'NOT ') . '(' . join(pick(' AND ', ' OR '), @parts) . ')';
	}
	return mostly(
		4 => "$int % 3 <> 1",
		3 => "$int > " . number(-1, 4),
		2 => "$text IS NOT NULL",
		2 => "$text LIKE '%a%'",
		1 => "$text IS NULL",
		1 => "$text > 'm'",
		1 => $inet ? "family($inet) = 4" : 'true',
		3 => $self->typed_condition($int, $text),
		1 => '(SELECT count(*) FROM few) > ' . pick(3, 30),
		1 => pick('true', 'false', 'now() IS NOT NULL'));
}

# A condition with values of other types, all of whose functions only compute
sub typed_condition
{
	my ($self, $int, $text) = @_;
	my $time = "timestamptz '2026-01-01' + $int % 50 * interval '7 hours'";

	return pick(
		"ARRAY[$text, 'x'] && ARRAY['shop.example', 'mail1.shop.example']",
		"array_position(ARRAY[1, 3, $int], 3) = 2",
		"int4range(0, abs($int % 20)) @> 3",
		"date_trunc('day', $time) < '2026-01-03'",
		"extract(hour FROM $time) > 6",
		"($time)::date <> '2026-01-02'",
		"to_char($time, 'DD') > '02'",
		"lpad($text, 12, '-') > 'm'",
		"md5($text) < 'a'",
		"jsonb_build_object('n', $int % 3) @> '{\"n\": 1}'",
		"greatest($text, 'm') = least($text, 'z')",
		"(SELECT array_agg(r.n ORDER BY r.n) FROM jsonb_to_recordset('[{\"n\": 1}, {\"n\": 2}]') r (n int)) @> ARRAY[$int % 4]");
}

# The same with a call in it
sub call_condition
{
	my ($self, $scope) = @_;

	if (chance(0.5))
	{
		my $scalar = $self->scalar_call($scope);
		return mostly(
			3 => "$scalar IS NOT NULL",
			2 => "$scalar LIKE '%1%'",
			1 => "$scalar IS NULL",
			1 => "length($scalar) > 9",
			1 => 'CASE WHEN ' . $self->int_column($scope) . " > 2 THEN $scalar IS NOT NULL ELSE true END");
	}

	my ($from, $relation) = $self->steps($scope);
	my $inner = [$relation];
	my $where = chance(0.5) ? ' WHERE ' . $self->condition([ @$scope, $relation ], 2) : '';
	my $int = $self->int_column($scope);
	return mostly(
		3 => "EXISTS (SELECT FROM $from$where)",
		2 => "NOT EXISTS (SELECT FROM $from$where)",
		2 => "$int % 7 " . pick('IN', 'NOT IN') . ' (SELECT ' . $self->int_column($inner) . " % 7 FROM $from$where)",
		2 => "(SELECT count(*) FROM $from$where) > " . number(0, 2));
}

# A call in FROM, perhaps of what another call there has found: its text and its relation
sub steps
{
	my ($self, $scope) = @_;
	my ($from, $relation) = $self->called($scope);

	while ($self->wants_call && !$relation->{opaque} && chance(0.4))
	{
		my ($next, $found) = $self->called(chance(0.7) ? [$relation] : [ @$scope, $relation ]);

		$from .= mostly(3 => " CROSS JOIN LATERAL $next", 1 => " LEFT JOIN LATERAL $next ON true");
		$relation = $found;
	}
	return ($from, $relation);
}

# A call in FROM: its text and its relation
sub called
{
	my ($self, $scope) = @_;
	my $alias = $self->alias('q');
	my ($call, $set) = $self->set_call($scope);
	my $relation = { alias => $alias, %$set{qw(columns opaque)} };

	return ("$call AS $alias", $relation);
}

1;
