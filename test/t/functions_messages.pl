# Property: a message shows which server answered, over which transport, after how many
# queries and how much time; the query is the one that the settings describe; and every
# question has one row and no error, for any outcome.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

my $server = NameServer->misbehaving;
my $other = NameServer->misbehaving;
my $failing = NameServer->misbehaving(mode => 'servfail');
my $silent = NameServer->silent;
my $closed = '127.0.0.1:' . NameServer->closed_port;
my $node = Session->cluster([$server]);

# A session with these settings, and new logs of the servers
sub session
{
	my (%settings) = @_;
	my $session = Session->new($node);

	$session->text("SET pgcares.$_ = '$settings{$_}'") foreach sort keys %settings;
	$_->forget foreach $server, $other, $failing, $silent;
	return $session;
}

# Columns of a message
sub message
{
	my ($session, $columns, $name, @more) = @_;
	my $arguments = join ', ', map { "'$_'" } $name, @more;

	return $session->text("SELECT $columns FROM dns_message($arguments)");
}

sub seconds
{
	my ($session, $name) = @_;
	return message($session, 'extract(epoch FROM elapsed)', $name);
}

sub seen
{
	my ($property) = @_;
	return join ' ', map { $_->{$property} // 'none' } $server->log;
}

# ---- Server, transport and queries

my $session = session();
my $how = 'server, transport, tries';
is(message($session, $how, 'a.example'), $server->address . '|UDP|1', 'an answer over UDP');
is(message($session, $how, 'tc.example'), $server->address . '|TCP|2', 'a truncated one, then one over TCP');
is(message($session, $how, 'badvers.example'), $server->address . '|UDP|2', 'one without EDNS after one with it');
is(message(session(tcp => 'on'), $how, 'a.example'), $server->address . '|TCP|1', 'over TCP only');

$session = session(timeout => 300, tries => 3);
is(message($session, $how, 'drop2.how.example'), $server->address . '|UDP|3', 'the third query is answered');
is(scalar $server->log, 3, '... the server saw them');
is(message($session, $how, 'drop.example'), '||3', 'no query is answered: no server, but three queries');

$session = session(servers => join ', ', map { $_->address } $failing, $server);
is(message($session, "status, $how", 'a.example'),
	'NOERROR|' . $server->address . '|UDP|2', 'the server that answers is the second one');
is($failing->count . ' ' . $server->count, '1 1', '... after the first one failed');
$session = session(servers => join ', ', map { $_->address } $failing, $silent, $server);
$session->text("SET pgcares.timeout = '300ms'");
is(message($session, "status, server", 'a.example'), 'NOERROR|' . $server->address, 'or the third one');
$session = session(servers => $failing->address . ', ' . $closed);
like(message($session, 'status, server', 'a.example'),
	qr/^(SERVFAIL\|\Q${\$failing->address}\E|UNREACHABLE\|)$/, 'a server that did not answer is never named');
$session = session(servers => join ', ', map { $_->address } $server, $other);
is(message($session, 'status, server, ede_code', 'ede.example'),
	'SERVFAIL|' . $other->address . '|22', 'if all fail, the last one\'s answer is shown');

SKIP:
{
	my $six = eval { NameServer->misbehaving(address => '::1') };
	skip 'this host has no ::1', 1 if !$six;
	is(message(session(servers => $six->address), $how, 'a.example'), $six->address . '|UDP|1', 'over IPv6');
}
SKIP:
{
	my $usual = eval { NameServer->misbehaving(address => '127.0.0.53', port => 53) };
	skip 'port 53 is not available', 1 if !$usual;
	is(message(session(servers => '127.0.0.53'), 'server', 'a.example'), '127.0.0.53', 'the usual port is left out');
}

# ---- The time that it took

$session = session(timeout => '20s');
my $soon = seconds($session, 'a.example');
cmp_ok($soon, '>', 0, 'an answer takes time');
cmp_ok($soon, '<', 5, '... but not much');
my $late = seconds($session, 'delay400.example');
cmp_ok($late, '>=', 0.4, 'a late answer takes as long as its delay');
cmp_ok($late, '<', 5, '... and not much more');
my $never = seconds(session(timeout => 300, tries => 2), 'drop.example');
cmp_ok($never, '>=', 0.6, 'silence takes all tries');
cmp_ok($never, '<', 5, '... and not much more');
cmp_ok(seconds(session(timeout => '20s', deadline => 300), 'drop.example'), '<', 5, '... and no more than the deadline');
cmp_ok(seconds($session, 'x.onion'), '<', 5, 'a name that is not asked takes no time');

# ---- The query

# settings, and these parts of the query: rd ad cd do edns nsid
foreach my $case (
	[ {}, '1 0 0 0 1232 1' ],
	[ { dnssec => 'on' }, '1 0 0 1 1232 1' ],
	[ { checking_disabled => 'on' }, '1 0 1 0 1232 1' ],
	[ { trust_ad => 'on' }, '1 1 0 0 1232 1' ],
	[ { edns_udp_size => 4096 }, '1 0 0 0 4096 1' ],
	[ { recurse => 'off' }, '0 0 0 0 1232 1' ],
	[ { edns => 'off' }, '1 0 0 0 none 0' ],
	[ { edns => 'off', dnssec => 'on', trust_ad => 'on', checking_disabled => 'on' }, '1 1 1 1 1232 1' ])
{
	my ($settings, $query) = @$case;
	my $what = join(', ', map { "$_ $settings->{$_}" } sort keys %$settings) || 'the defaults';

	message(session(%$settings), 'status', 'a.example');
	is(join(' ', map { seen($_) } qw(rd ad cd do edns nsid)), $query, "with $what");
}
session()->text(q{SELECT * FROM dns_a('a.example'); SELECT * FROM dns_query('a.example', 'MX')});
is(seen('nsid'), '0 0', 'lookups of records do not ask for the server\'s identifier');
session()->text(q{SELECT dns_message_json('a.example')});
is(seen('nsid') . ' ' . seen('name'), '1 a.example', 'lookups of messages as JSON do');

# ---- EDNS in the answer

$session = session();
is(message($session, 'edns_udp_size, nsid, ede_code, ede_text', 'nsid.example'), '1232|odd||', 'NSID');
is(message($session, 'edns_udp_size, nsid, ede_code, ede_text', 'ede.example'), '1232||22|nobody home', 'EDE');
is(message(session(edns => 'off'), 'edns_udp_size, nsid', 'nsid.example'), '|', 'neither without EDNS');
is(message($session, 'nsid', 'nsidhigh.example'), '\000\\\\\255"x', 'octets of an NSID are escaped');
is(message($session, 'nsid IS NULL', 'nsidempty.example'), 't', 'an empty NSID is NULL');

# ---- The AD bit

my %ad = (off => '', on => 't');
foreach my $trust (sort keys %ad)
{
	is(message(session(trust_ad => $trust), 'ad', 'ad.example'), $ad{$trust}, "the AD bit with trust_ad $trust");
}

# ---- One row, for any outcome

$session = session(timeout => 100, tries => 1);
my $pid = $session->pid;
my @names = map { "$_.all.example" }
  qw(sound drop nodata nodatabare nxdomain twice case rcode1 rcode2 rcode5 rcode11 rcode16 rcode4095 badvers noedns1
  optunknown ede edeempty edehigh edeutf8 edecut edeshort cookie cookiewrong tc tcpartial tctc tcclose tcreset tcpsilent
  tcplen0 tcplong tcphalf tcptwice tcpslow tcpgarbage wrongid wrongname wrongtype wrongclass wrongopcode noquestion
  reflect wrongport wrongaddr garbage short headeronly counts loopptr fwdptr longname badlabel badlabel80 a3 a8 rdshort
  rdlong rdempty trailing twoopt optlong twoq otherowner cnameself cnameloop cnameother cname16 cname17 dname dnameonly
  big oddclass ttlmax hostile);
my $statuses = 'NOERROR NODATA NXDOMAIN SERVFAIL REFUSED FORMERR TIMEOUT UNREACHABLE MALFORMED';
my $columns = join ', ', qw(status rcode question answer authority additional server transport elapsed tries wire);
my $before;
foreach my $round (1, 2)
{
	foreach my $name (@names, 'x.onion', 'a..b', '.', 'n' x 64)
	{
		foreach my $type ('A', $name =~ /^(?:rd|hostile)/ ? qw(MX PTR SVCB) : ())
		{
			my $result = $session->query("SELECT $columns FROM dns_message('$name', '$type')");
			my $rows = $result->{rows};
			my $status = @$rows ? $rows->[0][0] : 'none';

			next if !$result->{error} && !$result->{ended} && @$rows == 1
			  && ($statuses =~ /\b$status\b/ || $status =~ /^(RCODE\d+|DSOTYPENI|BADVERS|BADNAME)$/);
			fail("$name $type: " . ($result->{error} ? $result->{error}{M} : scalar(@$rows) . " rows, $status"));
		}
	}
	$before //= $session->descriptors;
}
is($session->text('SELECT pg_backend_pid()'), $pid, 'the same backend has survived ' . @names . ' behaviours');
is_deeply($session->descriptors, $before, '... and has as many descriptors as before');
foreach my $servers ('', $closed, $silent->address)
{
	$session->text("SET pgcares.servers = '$servers'");
	is(message($session, 'count(*)', 'a.example'), '1', "one row with servers '$servers'");
}

# ---- Errors all the same

$session = session(timeout => '20s');
$session->text("SET statement_timeout = '200ms'");
is($session->sqlstate(q{SELECT * FROM dns_message('drop.example')}), '57014', 'a statement can be cancelled');
$session->text('RESET statement_timeout; SET pgcares.max_answer_memory = 2048');
is(message($session, 'cardinality(answer)', 'big3000.example'), '3000', 'an answer within the limit of memory');
$session->text('SET pgcares.max_answer_memory = 64');
is($session->sqlstate(q{SELECT * FROM dns_message('big3000.example')}), '54000', '... one whose records exceed it');
$session->text('SET pgcares.max_answer_memory = 32');
is($session->sqlstate(q{SELECT * FROM dns_message('big3000.example')}), '54000', '... and one that exceeds it');

done_testing();
