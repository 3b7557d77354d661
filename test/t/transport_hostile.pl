# Property: for any answers of a server or a forger, a lookup returns the right records or
# its own DNS error, in time; the backend survives, and no later lookup gets the answer of
# an earlier one.
#
# The forged answer is always 192.0.2.66, the right one 192.0.2.1. If the misbehaving server
# lacks a fault, this test is the server itself.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use Answer;
use IO::Select;
use IO::Socket::INET;
use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Wire;

my $server = NameServer->misbehaving;
my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => NameServer->closed_port, Proto => 'udp')
  or die "cannot make a socket: $!\n";

# Nothing in this test takes five seconds: an answer that counts comes at once.
my $node = Session->cluster([$server], "pgcares.timeout = '5s'", 'pgcares.tries = 2');
my $session = Session->new($node);
my $pid = $session->pid;

# The rows of a statement, or its SQLSTATE
sub result_of
{
	my ($result) = @_;
	return 'connection lost' if $result->{ended};
	return $result->{error}{C} if $result->{error};
	return join ' ', map { join '|', map { $_ // 'NULL' } @$_ } @{ $result->{rows} };
}

sub run
{
	my ($sql) = @_;
	return result_of($session->query($sql));
}

sub look_up
{
	my ($name, $type) = @_;
	return run("SELECT rdata FROM dns_query('$name', '" . ($type // 'A') . "')");
}

sub set
{
	my (%settings) = @_;
	$session->text("SET pgcares.$_ = '$settings{$_}'") foreach sort keys %settings;
}

# The number of queries for a name
sub times_asked
{
	my ($name) = @_;
	return scalar grep { $_->{name} eq $name } $server->log;
}

# ---- Forged answers before the right one, messages that are not answers, and octets behind
# the right one

my @forged = qw(trailing wrongid wrongname wrongtype wrongclass wrongopcode noquestion reflect wrongport wrongaddr garbage
  twice cookiewrong cookieshort cookielong);

# ---- Malformed answers with the right id and question

my @with_names = qw(NS CNAME PTR DNAME SOA MX SRV NAPTR);
my @malformed = (
	(map { [ $_, 'A' ] }
		  qw(short counts loopptr fwdptr longname badlabel badlabel80 a3 a8 twoopt optlong twoq)),
	[ 'aaaa15', 'AAAA' ], [ 'mxshort', 'MX' ], [ 'soashort', 'SOA' ], [ 'srvshort', 'SRV' ], [ 'txtlen', 'TXT' ],
	[ 'caalen', 'CAA' ],
	(map { [ 'rdshort', $_ ] } qw(A AAAA TXT HINFO LOC SVCB HTTPS NSEC NSEC3), @with_names),
	(map { [ 'rdlong', $_ ] } qw(A AAAA HINFO LOC SVCB HTTPS NSEC NSEC3), @with_names),
	(map { [ 'rdempty', $_ ] }
		  qw(A AAAA TXT HINFO LOC SVCB HTTPS NSEC NSEC3 CAA URI TLSA SSHFP DS DNSKEY RRSIG), @with_names));

foreach my $way ('udp', 'tcp', 'tcp, keep_open', 'udp, keep_open')
{
	my $zone = join('-', split /, /, $way) . '.example';

	set(Session::way($way));
	foreach my $label (@forged)
	{
		is(look_up("$label.$zone"), '192.0.2.1', "$label: the right answer is taken ($way)");
		is(times_asked("$label.$zone"), 1, '... without asking again');
	}
	foreach my $case (@malformed)
	{
		my ($label, $type) = @$case;

		is(look_up("$label.$type.$zone", $type), 'NDA10', "$label $type: malformed ($way)");
		is(times_asked("$label.$type.$zone"), 1, '... without asking again');
	}
	is(look_up("sound.$zone"), '192.0.2.1', 'after all that, a lookup is right');
}
set(Session::way('udp'));

# ---- Unusual, but not wrong

my @texts = map { join '', map { chr } @$_ } [ 0 .. 127 ], [ 128 .. 255 ];
my $every_octet = join '', map { sprintf '%02x', $_ } 0 .. 255;

# A name of these octets as it is shown, with a final dot
sub shown_name
{
	my ($octets) = @_;
	my @labels = $octets =~ /.{1,63}/gs;

	s/([^!-~])|(["\$().;\@\\])/defined $1 ? sprintf '\\%03d', ord $1 : "\\$2"/ge foreach @labels;
	return join '', map { "$_." } @labels;
}

foreach my $case (
	[ 'naptr255', 'NAPTR', '1 2 "\255" "\255\254" "!\255!" \255.' ],
	[ 'caaempty', 'CAA', '0 issue ""' ],
	[ 'urihigh', 'URI', '1 2 "https://caf\195\169.example/\255\000"' ],
	[ 'txtempty', 'TXT', '""' ],
	[ 'hinfo255', 'HINFO', '"' . '\255' x 255 . '" "\000"' ],
	[ 'srvcomp', 'SRV', '1 2 443 srvcomp.example.' ],
	[ 'nameall', 'PTR', join ' ', map { shown_name($_) } @texts ],
	[ 'nameall', 'MX', join ' ', map { '10 ' . shown_name($_) } @texts ],
	[ 'nameall', 'SRV', join ' ', map { '0 0 1 ' . shown_name($_) } @texts ],
	[ 'rdlong', 'TXT', '"sound" ""' ],
	[ 'optunknown', 'A', '192.0.2.1' ],
	[ 'nsid', 'A', '192.0.2.1' ],
	[ 'oddclass', 'A', '192.0.2.1' ],
	[ 'ra', 'A', '192.0.2.1' ],
	[ 'case', 'A', '192.0.2.1' ])
{
	my ($label, $type, $shown) = @$case;
	is(look_up("$label.example", $type), $shown, "$label $type: shown in full");
}

is(run("SELECT txt, strings FROM dns_txt('txtempty.example')"),
	'|{"\\\\x"}', 'txtempty: one string without an octet');
is(run("SELECT string_agg(encode(s, 'hex'), '') FROM dns_txt('txtall.example'), unnest(strings) s"),
	$every_octet, 'txtall: every octet');
is(run("SELECT array_agg(length(s)) FROM dns_txt('txtall.example'), unnest(strings) s"),
	'{128,128}', '... in two strings');
is(run("SELECT flags, services, regexp, replacement FROM dns_naptr('naptr255.example')"),
	'\255|\255\254|!\255!|\255', 'naptr255: as columns');
is(run("SELECT value FROM dns_caa('caaempty.example')"), '', 'caaempty: as a column');
is(run("SELECT target FROM dns_uri('urihigh.example')"),
	"https://caf\xc3\xa9.example/" . '\255\000', 'urihigh: as a column');
is(run("SELECT cpu, os FROM dns_hinfo('hinfo255.example')"), '\255' x 255 . '|\000', 'hinfo255: as columns');

foreach my $label (qw(ttlmax ttltop ttl0))
{
	is(run("SELECT ttl FROM dns_a('$label.example')"), '0', "$label: counts as 0 (RFC 2181 section 8)");
}
is(run("SELECT ttl FROM dns_a('sound.example')"), '300', '... and another TTL as it is');

is(run("SELECT count(*), count(DISTINCT ptrdname), bool_and(ptrdname ~ '^[!-~]+\$') FROM dns_ptr('hostile.example')"),
	'20|20|t', 'hostile: 20 names, which are printable ASCII');

# the way to the server is not trusted
is(run("SELECT replace(to_json(q)::text, 'ad.', 'sound.') FROM dns_query('ad.example') q"),
	run("SELECT to_json(q) FROM dns_query('sound.example') q"), 'ad: shown nowhere');

# ---- Records that answer

foreach my $case (
	[ 'otherowner', 'NDA00', 'records of another owner only' ],
	[ 'otherplus', '192.0.2.1', 'records of another owner too' ],
	[ 'cnameself', 'NDA10', 'a CNAME to itself' ],
	[ 'cnameloop', 'NDA10', 'two CNAMEs to each other' ],
	[ 'cnameother', 'NDA00', 'a CNAME to nothing' ],
	[ 'cnameplus', '192.0.2.1', 'a CNAME beside other records' ],
	[ 'cnameback', '192.0.2.1', 'a chain backwards' ],
	[ 'twocname', '192.0.2.1', 'two CNAMEs' ],
	[ 'dname', '192.0.2.1', 'a DNAME' ],
	[ 'dnameonly', '192.0.2.1', 'a DNAME without its CNAME' ],
	[ 'cname1', '192.0.2.1', 'one CNAME' ],
	[ 'cname16', '192.0.2.1', 'a chain of 16' ],
	[ 'cname17', 'NDA10', 'a chain of 17' ],
	[ 'cname40', 'NDA10', 'a chain of 40' ],
	[ 'nodata', 'NDA00', 'no records' ],
	[ 'nodatabare', 'NDA00', 'nothing at all' ],
	[ 'nxdomain', 'ND003', 'no such name' ])
{
	my ($label, $given, $what) = @$case;

	is(look_up("$label.example"), $given, "$label: $what");
	is(times_asked("$label.example"), 1, '... without asking again');
}
is(run("SELECT name FROM dns_query('cname3.example')"), 'c3.cname3.example', 'the owner is the name at the end');
is(run("SELECT cname FROM dns_cname('cname3.example')"), 'c1.cname3.example', 'a question for CNAME gets the first one');

# ---- EDNS, and errors in the header

foreach my $label (qw(noedns1 noedns4 badvers))
{
	is(look_up("$label.example"), '192.0.2.1', "$label: answered without EDNS");
	is(join(' ', map { $_->{edns} // 'none' } grep { $_->{name} eq "$label.example" } $server->log),
		'1232 none', '... by the second query');
}
foreach my $times (1, 2)
{
	is(look_up('cookie.example'), '192.0.2.1', 'cookie: a server that sends one at times');
}
is(look_up('headeronly.example'), 'ND005', 'headeronly: an error without the question');

my %sqlstates;
foreach my $rcode (1 .. 12, 15 .. 24, 98)
{
	my $given = look_up("rcode$rcode.example");

	is($given, sprintf('ND0%02d', $rcode), "rcode$rcode: the SQLSTATE has the number");
	$sqlstates{$given}++;
}
is(scalar(grep { $_ > 1 } values %sqlstates), 0, 'no two SQLSTATEs are the same');
like(look_up('rcode4095.example'), qr/^ND0\d\d$/, 'rcode4095: an SQLSTATE');

my $server_said = 'The server added extended error 22 (No Reachable Authority)';
foreach my $case (
	[ 'ede', "$server_said: nobody home." ],
	[ 'edeempty', "$server_said." ],
	[ 'edehigh', "$server_said: \\255\\254\\000\\010\"\\027[0m." ],
	[ 'edeutf8', "$server_said: caf\\195\\169." ],
	[ 'edecut', "$server_said: caf\\195." ],
	[ 'edeshort', undef ])
{
	my ($label, $sentence) = @$case;
	my $error = $session->query("SELECT * FROM dns_query('$label.example')")->{error};

	is($error->{C}, 'ND002', "$label: the failure");
	is($error->{D} =~ /server\. (The server.*)/ ? $1 : undef, $sentence, '... and the server\'s text about it');
}

# ---- Late answers

foreach my $way ('udp', 'udp, keep_open', 'tcp, keep_open')
{
	foreach my $setting ('timeout', 'deadline')
	{
		my $name = join '.', 'late700', split(/, /, $way), $setting, 'example';

		set(Session::way($way), tries => 1, $setting => 400);
		is(look_up($name), 'NDA12', "no answer within the $setting ($way)");
		set(timeout => 5000, deadline => 0);

		# the forged answer is on its way and comes first
		is(look_up($name), '192.0.2.1', '... the next lookup of that name gets its own answer');
	}
}
$session->text('RESET ALL');

# ---- A server that is this test

# Makes the backend ask; returns the query, in its parts.
sub asked
{
	my ($name, $type) = @_;

	$session->send("SELECT ttl, type, rdata, data FROM dns_query('$name', '$type')");
	while (IO::Select->new($socket)->can_read($PostgreSQL::Test::Utils::timeout_default))
	{
		my $from = $socket->recv(my $octets, 65535);
		my $query = Wire::read_query($octets);
		return { %$query, transport => 'udp', from => $from } if lc $query->{name} eq lc $name;
	}
	die "no query for $name\n";
}

# Sends these messages to the backend that asked; returns the outcome.
sub after_sending
{
	my ($query, @messages) = @_;

	$socket->send($_, 0, $query->{from}) foreach @messages;
	return $session->result;
}

set(servers => '127.0.0.1:' . $socket->sockport, randomize_case => 'on');
my $query = asked('mixed.case.of.letters.example', 'A');
my $result = after_sending($query, forged($query, question => swapped_case($query))->{message}, message_of($query));
is($result->{rows}[0][2], '192.0.2.1', 'randomize_case: an answer in the wrong case is ignored, and the right one is taken');

set(Session::way('udp'));
$query = asked('flood.example', 'A');
$result = after_sending($query,
	(map { forged($query, id => $query->{id} ^ $_)->{message} } 1 .. 300), message_of($query));
is($result->{rows}[0][2], '192.0.2.1', '300 forged answers, then the right one');

$query = asked('also.example', 'A');
$result = after_sending($query,
	message_of($query, answer => [ cname(ASKED, Wire::name('nowhere.example')), records($query) ]));
is($result->{rows}[0][2], '192.0.2.1', 'a CNAME to nowhere before the records does not hide them');

# ---- Random octets. Most of them spare the header, since few others get far.

# An answer with a few octets changed, removed or inserted
sub mutated
{
	my ($message, $from) = @_;

	foreach (0 .. rand 4)
	{
		my $at = $from + int rand(length($message) - $from);
		my $way = int rand 6;

		if ($way < 3) { substr($message, $at, 1) = chr rand 256 }
		elsif ($way == 3) { substr($message, $at, 1) = (split //, "\0\1\x3f\x40\x7f\x80\xc0\xff")[ rand 8 ] }
		elsif ($way == 4) { substr($message, $at, 1 + rand 8) = '' }
		else { substr($message, $at, 0) = substr($message, $from + rand(length($message) - $from), 1 + rand 16) }
		last if length $message <= $from;
	}
	return $message;
}

# Counts the outcome; returns the reason if it is wrong.
my %outcomes;
sub wrong
{
	my ($result) = @_;

	return 'the connection was lost' if $result->{ended};
	return "$result->{error}{C} $result->{error}{M}" if $result->{error} && $result->{error}{C} !~ /^ND/;
	return 'neither rows nor an error' if !$result->{error} && !@{ $result->{rows} };
	$outcomes{ $result->{error} ? $result->{error}{C} : 'rows' }++;
	my @odd = grep { defined && !/^[ -~]*\z/ } @{ $result->{error} // {} }{qw(M D)};
	push @odd, grep { !utf8::decode(my $copy = $_) } map { @$_ } @{ $result->{rows} };
	return @odd ? "not as text should be: @odd" : undef;
}

my @types =
  qw(A AAAA TXT NS PTR SOA HINFO MX SRV NAPTR CAA URI SVCB HTTPS LOC TLSA SSHFP DS DNSKEY RRSIG NSEC NSEC3 ANY);
my @wrong;

srand 20260101;
set(deadline => 150);
foreach my $number (1 .. 600)
{
	my $query = asked("m$number.example", $types[ $number % @types ]);
	my $message = message_of($query,
		authority => [ negative($query) ], options => [ [ $Wire::OPTION{EDE}, "\0\26nobody home" ] ]);
	my $result = after_sending($query, mutated($message, $number % 20 ? 12 + length $query->{question} : 2));
	my $reason = wrong($result) // next;

	push @wrong, "$number: $reason";
	last if $result->{ended};
}
is_deeply(\@wrong, [], '600 mutated answers: rows or DNS errors');
cmp_ok($outcomes{$_} // 0, '>', 100, "... $_ more than a hundred times") foreach 'rows', 'NDA10';

# Random data of every type
my @known = split / /, run('SELECT type FROM dns_types() WHERE code <> 41 AND code NOT BETWEEN 249 AND 255');
%outcomes = ();
@wrong = ();
foreach my $type (@known)
{
	foreach my $length (0 .. 7, 12, 16, 17, 33, 60)
	{
		my $query = asked("d$length.$type.example", $type);
		my $rdata = join '', map { chr(rand 2 < 1 ? rand 256 : rand 8) } 1 .. $length;
		my $message = message_of($query, answer => [ record_of($query, $rdata) ]);
		my $reason = wrong(after_sending($query, $message)) // next;

		push @wrong, "$type " . unpack('H*', $rdata) . ": $reason";
	}
}
cmp_ok(scalar @known, '>', 70, 'more than 70 types');
is_deeply(\@wrong, [], '... any data are rows or DNS errors');
cmp_ok($outcomes{$_} // 0, '>', 100, "... $_ more than a hundred times") foreach 'rows', 'NDA10';

# ---- The backend survives

$session->text('RESET ALL');
is(look_up('sound.example'), '192.0.2.1', 'a lookup at the end is right');
is($session->text('SELECT pg_backend_pid()'), $pid, '... in the same backend');
is_deeply([ $session->inet_sockets ], [], '... which has no socket left');

done_testing();
