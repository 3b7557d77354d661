# pgcares does not meet others in the process and its children: another c-ares that was
# loaded before or after is not used, and a program that starts while questions are in
# flight gets none of their descriptors.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server]);
my $folder = PostgreSQL::Test::Utils::tempdir();
my $version = Session->new($node)->text('SELECT dns_version()');
my ($library) = do
{
	my $session = Session->new($node);
	$session->text('SELECT dns_version()');
	slurp_file('/proc/' . $session->pid . '/maps') =~ m{(/\S*/pgcares\.so)$}m;
};

# The output of a program, or nothing if there is no such program or it fails
sub output_of
{
	my ($output, $errors) = ('', '');
	return eval { IPC::Run::run([@_], '>', \$output, '2>', \$errors) } ? $output : undef;
}

# Tests that everything works in a session.
sub works
{
	my ($session, $what) = @_;

	is($session->text('SELECT dns_version()'), $version, "$what: the version is ours");
	is($session->text(q{SELECT host(address) FROM dns_a('sound.example')}), '192.0.2.1', '... a lookup');
	is($session->text(q{SET pgcares.tcp = on; SELECT host(address) FROM dns_a('big20.example') LIMIT 1; RESET pgcares.tcp}), '198.18.0.1', '... over TCP');
	is($session->text(q{SELECT count(*) FROM dns_query_many(ARRAY(SELECT 'n' || g || '.example' FROM generate_series(1, 100) g))}), 100, '... a batch');
	is($session->text(q{SELECT count(dns_lookup('n' || g || '.example', 4)) FROM generate_series(1, 100) g}), 100, '... look-ahead');
	is($session->sqlstate(q{SELECT * FROM dns_a('nxdomain.example')}), 'ND003', '... an error');
	is($session->sqlstate(q{SELECT * FROM dns_parse('\x123485000000000000000000')}), '00000', '... reading a message');
	is($session->sqlstate('SELECT * FROM dns_servers()'), '00000', '... the list of servers');
}

# ---- Other libraries

# The functions of c-ares in pgcares, which must not come from elsewhere
my @names = grep { /^ares_\w+$/ } map { (split)[-1] } split /\n/, output_of('nm', $library) // '';
@names = qw(ares_library_init ares_init_options ares_destroy ares_version ares_strerror ares_send_dnsrec ares_process_fds
  ares_set_servers_csv ares_get_servers_csv ares_set_socket_functions_ex ares_dns_parse ares_dns_record_create
  ares_dns_record_query_add ares_dns_record_destroy ares_free_string ares_cancel ares_timeout) if @names < 10;
my $source = "$folder/other.c";
my $other = "$folder/libother.so";
append_to_file($source, join "\n", '#include "postgres.h"', '#include "fmgr.h"', '#include <stdlib.h>', 'PG_MODULE_MAGIC;',
	map({ "void $_(void); void $_(void) { abort(); }" } @names), '');

SKIP:
{
	my $linked = output_of('ldd', $library) // '';
	skip 'pgcares uses the c-ares of the system, like others in the process', 34 if $linked =~ /libcares/;
	skip 'there is no compiler', 34
	  if !defined output_of('cc', '-shared', '-fPIC', '-I', $node->config_data('--includedir-server'), '-o', $other, $source);

	cmp_ok(scalar @names, '>', 10, 'another library that has functions of c-ares, ' . @names . ' of them');
	{
		my $session = Session->new($node);
		$session->text("LOAD '$other'");
		works($session, 'the other library is loaded first');
	}
	{
		my $session = Session->new($node);
		works($session, 'at first without it');
		$session->text("LOAD '$other'");
		works($session, 'the other library is loaded then');
	}

	my ($system) = grep { -e } glob '/usr/lib/*/libcares.so.2 /usr/lib/libcares.so.2 /usr/lib64/libcares.so.2';
	foreach my $preload ($other, $system // ())
	{
		# the program that starts the server can have set it already
		local $ENV{LD_PRELOAD} = join ':', grep { $_ } $ENV{LD_PRELOAD}, $preload;
		$node->restart;
		my $session = Session->new($node);
		like(slurp_file('/proc/' . $session->pid . '/maps'), qr/\Q@{[ $preload =~ s{.*\/}{}r ]}\E/, "$preload: it is in the process")
		  if $preload eq $other;
		works($session, "before everything else, $preload");
	}
	$node->restart;
}

# ---- Children

# The internet and epoll descriptors of a program that the backend starts
sub descriptors_of_child
{
	my ($session) = @_;
	my %ours = map { $_ => 1 } $session->inet_inodes;

	return grep { /eventpoll/ || (/socket:\[(\d+)\]/ && $ours{$1}) } split /\n/, $session->text('SELECT line FROM fds');
}

my $session = Session->new($node);
$session->text($_) foreach
  'CREATE TABLE hosts AS SELECT i AS g FROM generate_series(1, 300) i',
  'CREATE TABLE fds (line text)',
  <<'SQL';
CREATE FUNCTION list_descriptors() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	COPY public.fds FROM PROGRAM 'ls -l /proc/self/fd';
	RETURN (SELECT count(*) FROM public.fds);
END
$$
SQL

foreach my $way ('udp', 'tcp', 'udp, keep_open')
{
	$session->text(Session::set_way($way));

	# a cursor whose rows are not all read
	$session->text($_) foreach 'TRUNCATE fds', 'BEGIN',
	  q{DECLARE c NO SCROLL CURSOR FOR SELECT g, a.* FROM hosts, LATERAL dns_a(CASE WHEN g > 3 THEN 'delay500.' ELSE '' END || 'c' || g || '.example') a},
	  'FETCH 3 FROM c';
	cmp_ok(scalar $session->inet_sockets, '>', 0, "a cursor, $way: it has sockets");
	like(join(' ', @{ $session->descriptors }), qr/eventpoll/, '... and waits with epoll');
	cmp_ok($session->text('SELECT list_descriptors()'), '>', 2, '... a program has descriptors');
	is_deeply([ descriptors_of_child($session) ], [], '... but not these');
	is($session->text('FETCH ALL FROM c') =~ tr/\n/\n/, 300 - 3 - 1, '... and the cursor goes on');
	$session->text('COMMIT');

	# a function in the middle of a statement
	$session->text('TRUNCATE fds');
	is($session->text(q{SELECT count(*), count(a), max(l) > 2 FROM (SELECT CASE WHEN g = 50 THEN list_descriptors() END AS l,
		dns_lookup('delay20.s' || g || '.example', 4) AS a FROM hosts) s}), '300|300|t', "in the middle of a statement, $way");
	is_deeply([ grep { /eventpoll/ } split /\n/, $session->text('SELECT line FROM fds') ], [], '... a program has no event set');
	my ($sockets) = $session->text(q{SELECT count(*) FROM fds WHERE line LIKE '%socket:%'});
	my $plain = Session->new($node);
	$plain->text('TRUNCATE fds; SELECT list_descriptors()');
	is($sockets, $plain->text(q{SELECT count(*) FROM fds WHERE line LIKE '%socket:%'}), '... and no socket more than without lookups');
}

done_testing();
