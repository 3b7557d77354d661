# Property: with the cache on, a call whose answer is kept gives the same rows as without
# it, and asks nobody; an answer that must not be kept is asked for again; and no answer is
# found by a question that is asked in another way, in another place or of another server.
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
my $node = Session->cluster([$server], "shared_preload_libraries = 'pgcares'", "pgcares.timeout = '300ms'",
	'pgcares.tries = 1');
my $session = Session->new($node);
my $serial = 0;

$session->text("SET pgcares.cache = on");

# ---- What is kept, and what is not, in each kind of call

# Each asks for the name once, however often it stands there.
my $no_key = q{status, reason, rcode, aa, tc, rd, ra, ad, cd, question, answer, authority, additional};
my @calls = (
	q{* FROM dns_a('NAME', on_error => 'ignore')},
	q{* FROM dns_query('NAME', on_error => 'ignore')},
	q{* FROM dns_search('NAME', on_error => 'ignore')},
	q{* FROM dns_addresses('NAME', 4, on_error => 'ignore')},
	q{dns_lookup('NAME', 4, on_error => 'ignore')},
	q{* FROM dns_gethostbyname('NAME', 4, on_error => 'ignore')},
	q{* FROM dns_query_many(ARRAY['NAME', 'NAME', 'NAME'])},
	q{* FROM dns_lookup_many(ARRAY['NAME', 'NAME'], 4)},
	q{* FROM dns_addresses_many(ARRAY['NAME', 'NAME'], 4)},
	qq{$no_key FROM dns_message('NAME')},
	qq{ord, $no_key FROM dns_message_many(ARRAY['NAME', 'NAME'])},
	qq{$no_key FROM dns_message_at('SERVER', 'NAME')},
	q{* FROM dns_query_at('SERVER', 'NAME', on_error => 'ignore')},
	qq{ord, $no_key FROM dns_message_at_many(ARRAY['SERVER'], 'NAME')},
	q{r.* FROM (SELECT 'NAME' AS n FROM generate_series(1, 20)) s, LATERAL dns_a(s.n, on_error => 'ignore') r},
	q{dns_lookup(s.n, 4, on_error => 'ignore') FROM (SELECT 'NAME' AS n FROM generate_series(1, 20)) s});
my %kept = map { ($_ => 1) } qw(sound nxdomain nodata cname3 cnameother rcode2 rcode5 rcode1 drop referral lame tc big200 trailing ad ra);
my %not_kept = map { ($_ => 1) } qw(ttl0 ttlmax ttltop nodatabare short a3 counts loopptr twoq headeronly open1 tctc onion);

# A second can pass between two calls.
sub rows
{
	my ($sql) = @_;
	return $session->text($sql) =~ s/(?<![\d.:])(?:300|29\d|600|59\d)(?!\d)/TTL/gr;
}

foreach my $label (sort(keys %kept, keys %not_kept))
{
	foreach my $call (@calls)
	{
		my $name = $label eq 'onion' ? 'name' . ++$serial . '.onion' : "$label.n" . ++$serial . '.example';
		my $statement = "SELECT $call" =~ s/NAME/$name/gr =~ s/SERVER/$server->address/er;

		$session->text('SET pgcares.cache = off');
		my $fresh = rows($statement);
		$session->text('SET pgcares.cache = on');
		$server->forget;
		my $first = rows($statement);
		my $asked = $server->count;
		my $second = rows($statement);
		my $asked_again = $server->count - $asked;

		my $what = "$label: $call";
		is($first, $fresh, "$what: the same rows as without the cache");
		# The reason tells how many queries were sent: none.
		is($second, $fresh, '... and again');
		is($asked_again, $kept{$label} ? 0 : $asked, $kept{$label} ? '... without a question' : '... asked again');
	}
}

# ---- What a row tells of a kept answer

{
	my $columns = q{server, transport, tries, elapsed, encode(substring(wire, 13), 'hex')};
	my $first = $session->text("SELECT $columns FROM dns_message('Sound.Columns.example')");
	my $second = $session->text("SELECT $columns FROM dns_message('sOUND.cOLUMNS.example')");
	my ($address) = map { $_->address } $server;

	like($first, qr/^\Q$address\E\|UDP\|1\|/, 'an answer that was asked for: server, transport, tries');
	like($second, qr/^\Q$address\E\|CACHE\|0\|00:00:00\|/, 'a kept one: the server that gave it, CACHE, no try, no time');
	like($second, qr/736f554e44|05734f554e4407634f4c554d4e53/i, '... and the name as it is asked for now');
	is($session->text(q{SELECT name FROM dns_query('sOuNd.cOlUmNs.example') UNION ALL SELECT name FROM dns_query('sOuNd.CoLuMnS.example')}),
		"sOuNd.cOlUmNs.example\nsOuNd.CoLuMnS.example", '... in records too');
}
{
	$session->query(q{SELECT * FROM dns_a('rcode2.detail.example')});
	my $error = $session->query(q{SELECT * FROM dns_a('rcode2.detail.example')})->{error};
	is("$error->{C} $error->{D}", 'ND002 No query was sent: the answer is from the cache.', 'the detail of an error');
}

# ---- A hit takes neither a channel nor a socket

{
	my $fresh = Session->new($node, options => '-c pgcares.cache=on');
	my $name = 'sound.frugal.example';

	$session->text("SELECT FROM dns_a('$name')");
	$fresh->text("SELECT FROM dns_a('$name')") foreach 1 .. 3;
	is($fresh->text(q{SELECT string_agg(counter || ' ' || value, ', ' ORDER BY counter) FROM dns_stats() WHERE counter IN ('questions', 'shared', 'cache_hits', 'queries', 'channels', 'sockets')}),
		'cache_hits 3, channels 0, queries 0, questions 0, shared 0, sockets 0', 'hits are counted, and make no channel and no socket');
	$fresh->text("SELECT count(*) FROM dns_query_many(ARRAY['$name', '$name'])");
	$fresh->text("SELECT count(*) FROM generate_series(1, 5) g, LATERAL dns_a(substr('$name', 1 + 0 * g))");
	is($fresh->text(q{SELECT string_agg(counter || ' ' || value, ', ' ORDER BY counter) FROM dns_stats() WHERE counter IN ('questions', 'shared', 'cache_hits')}),
		'cache_hits 5, questions 0, shared 5', '... in batches and look-ahead, once for equal questions');
	is_deeply([ $fresh->inet_sockets ], [], '... and leave none open');
	is($session->text("SELECT hits FROM dns_cache WHERE question = '$name'"), '5', '... and the list has their number');
}

# ---- What makes another question

# Whether a second call is answered by what the first one left
sub shares
{
	my ($first, $second) = @_;

	$session->text('SELECT dns_cache_flush()');
	$session->text($_) foreach @$first;
	$_->forget foreach $server, $other;
	$session->text($_) foreach @$second;
	$session->text('RESET ALL; SET pgcares.cache = on');
	return $server->count + $other->count == 0 ? 'shared' : 'asked';
}

my $call = q{SELECT * FROM dns_query('sound.other.example', on_error => 'ignore')};
my ($here, $there) = map { $_->address } $server, $other;
my ($ip, $port) = split /:/, $here;

is(shares([$call], [ $call =~ s/sound/SOUND/r ]), 'shared', 'another case of letters: the same question');
is(shares([$call], [ $call =~ s/example'/example', 'MX'/r ]), 'asked', 'another type: another one');
is(shares([$call], [ $call =~ s/example'/example', 'A', 'CH'/r ]), 'asked', 'another class');
is(shares([$call], [ $call =~ s/other/othere/r ]), 'asked', 'another name');
is(shares([$call], [q{SELECT * FROM dns_message('sound.other.example')}]), 'asked', 'a question for the identifier of the server');
is(shares([$call], ["SELECT * FROM dns_query_at('$here', 'sound.other.example')"]), 'asked', 'a server of choice, even the same');
is(shares([ $call =~ s/query\(/query_at('$here', /r ], [$call]), 'asked', '... and the other way round');
is(shares([ $call =~ s/query\(/query_at('$here', /r ], [ $call =~ s/query\(/query_at('$there', /r ]), 'asked', 'another server of choice');
is(shares([ $call =~ s/query\(/query_at('$here', /r ], [ $call =~ s/query\(/query_at('$here', /r ]), 'shared', '... and the same one');

# Each setting: another value, and whether it makes another question.
my %settings = (
	servers => [ "'$there'", 'asked' ], udp_port => [ 5353, 'asked' ], tcp_port => [ 5353, 'asked' ],
	resolvconf => [ "'/dev/zero'", 'shared' ], primary_only => [ 'on', 'asked' ], default_server => [ 'on', 'asked' ],
	tcp => [ 'on', 'asked' ], recurse => [ 'off', 'asked' ], edns => [ 'off', 'asked' ], dnssec => [ 'on', 'asked' ],
	checking_disabled => [ 'on', 'asked' ], trust_ad => [ 'on', 'asked' ], edns_udp_size => [ 600, 'asked' ],
	max_edns_udp_size => [ 512, 'asked' ], randomize_case => [ 'on', 'asked' ], ignore_truncation => [ 'on', 'asked' ],
	check_response => [ 'off', 'asked' ], local_ip4 => [ "'127.0.0.1'", 'asked' ], local_ip6 => [ "'::1'", 'asked' ],
	local_dev => [ "'lo'", 'asked' ], cache => [ 'off', 'asked' ],

	timeout => [ 100, 'shared' ], tries => [ 2, 'shared' ], max_tries => [ 2, 'shared' ], deadline => [ 5000, 'shared' ],
	max_timeout => [ 5000, 'shared' ], rotate => [ 'on', 'shared' ], keep_open => [ 'on', 'shared' ],
	socket_send_buffer_size => [ 65536, 'shared' ], socket_receive_buffer_size => [ 65536, 'shared' ],
	udp_max_queries => [ 7, 'shared' ], max_in_flight => [ 3, 'shared' ], max_in_flight_total => [ 30, 'shared' ], max_questions => [ 5, 'shared' ],
	max_answer_memory => [ 1000, 'shared' ], on_error => [ 'ignore', 'shared' ], idn => [ 'off', 'shared' ],
	lookahead => [ 'off', 'shared' ], log_min_duration => [ 1000, 'shared' ], lookups => [ 'b', 'shared' ], hosts_file => [ "'/dev/null'", 'shared' ],
	domains => [ "'example'", 'shared' ], ndots => [ 3, 'shared' ], search => [ 'off', 'shared' ],
	sortlist => [ "'192.0.2.0/24'", 'shared' ], allowed_servers => [ "'127.0.0.0/8'", 'shared' ],
	cache_max_ttl => [ 60, 'shared' ], cache_max_negative_ttl => [ 60, 'shared' ]);
my @at_start = qw(cache_size shared_memory_size);

is(join(' ', sort(keys %settings, @at_start)),
	join(' ', sort map { s/^pgcares\.//r } split /\n/, $session->text(q{SELECT name FROM pg_settings WHERE name LIKE 'pgcares.%'})),
	'each setting is here');
foreach my $setting (sort keys %settings)
{
	my ($value, $expected) = @{ $settings{$setting} };

	is(shares([$call], [ "SET pgcares.$setting = $value", $call ]), $expected, "pgcares.$setting = $value: $expected");
	next if $setting eq 'cache';
	is(shares([ "SET pgcares.$setting = $value; $call; RESET pgcares.$setting" ], [$call]), $expected, '... and the other way round');
}

# An answer belongs to the settings under which it was asked for, not to those that hold
# when it comes. It repeats how it was asked for.
{
	my $three = q{generate_series(1, 3) n};
	my $asks = q{LATERAL dns_txt('delay200.echo.m' || n || '.example') r};

	$session->text(q{CREATE FUNCTION change(n integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN SET pgcares.dnssec = on; RETURN n; END $$});
	$session->text("SELECT change(n), txt FROM $three, $asks; RESET pgcares.dnssec");
	is($session->text("SELECT DISTINCT substring(txt from 'do=.') FROM $three, $asks"), 'do=0', 'settings that change while answers come: off');
	is($session->text("SET pgcares.dnssec = on; SELECT DISTINCT substring(txt from 'do=.') FROM $three, $asks; RESET pgcares.dnssec"), 'do=1', '... and on');
}

# Name servers of the system
{
	my $file = PostgreSQL::Test::Utils::tempdir . '/resolv.conf';
	my $set = "SET pgcares.servers = ''; SET pgcares.udp_port = $port; SET pgcares.tcp_port = $port; SET pgcares.resolvconf = '$file'";

	append_to_file($file, "nameserver $ip\n");
	is(shares(["$set; $call"], ["$set; $call"]), 'shared', 'servers of a file: the same question');
	$session->text('SELECT dns_cache_flush()');
	$session->text("$set; $call");
	append_to_file($file, "# changed\n");
	$server->forget;
	$session->text($_) foreach $call, $call;
	is($server->count, 1, '... until the file changes');
	$session->text('RESET ALL; SET pgcares.cache = on');
}

# ---- Failures: only those who would have waited no longer get them

my $drop = q{SELECT * FROM dns_query('drop.patience.example', on_error => 'ignore')};

is(shares(["SET pgcares.timeout = 50; $drop; RESET pgcares.timeout"], [$drop]), 'asked', 'no answer: a longer timeout asks again');
is(shares([$drop], ["SET pgcares.timeout = 50; $drop"]), 'shared', '... a shorter one does not');
is(shares(["SET pgcares.timeout = 100; SET pgcares.max_tries = 4; $drop"], ["SET pgcares.timeout = 100; SET pgcares.tries = 2; $drop"]),
	'asked', '... more tries ask again');
is(shares(["SET pgcares.deadline = 50; $drop; RESET pgcares.deadline"], [$drop]), 'asked', '... what a deadline has cut is not kept');
is(shares(["SET pgcares.deadline = 50; $drop"], ["SET pgcares.deadline = 50; $drop"]), 'asked', '... not for the same deadline either');
{
	my $closed = '127.0.0.1:' . NameServer->closed_port;
	my $set = "SET pgcares.servers = '$closed'";

	$session->text("SELECT dns_cache_flush(); $set; $drop");
	is($session->text('SELECT question, status, octets FROM dns_cache'), 'drop.patience.example|UNREACHABLE|0', 'nobody listens: kept');
	is(Session->new($node, options => "-c pgcares.cache=on -c pgcares.servers=$closed")->query($drop =~ s/'ignore'/'error'/r)->{error}{C}, 'NDA11',
		'... with its status');
	$session->text('RESET pgcares.servers');
}

# A good answer is not lost to a failure of another session.
{
	my $slow = Session->new($node, options => '-c pgcares.cache=on -c pgcares.timeout=1500');
	my $name = 'drop1.race.example';

	$session->text('SELECT dns_cache_flush()');
	$server->forget;
	$slow->send("SELECT status FROM dns_query_many(ARRAY['$name'])");
	Session::wait_until(sub { $server->has_seen($name) }, 'the first question');
	is($session->text("SELECT status FROM dns_query_many(ARRAY['$name'])"), 'NOERROR', 'two sessions, the second one gets an answer');
	is($slow->result->{rows}[0][0], 'TIMEOUT', '... and then the first one none');
	is($session->text("SELECT status FROM dns_cache WHERE question = '$name'"), 'NOERROR', '... and the answer stays');
}

# ---- The list, and forgetting

$session->text('SELECT dns_cache_flush()');
$session->text(q{SELECT FROM dns_query_many(ARRAY['sound.list.example', 'nxdomain.list.example', 'rcode2.list.example'])});
$session->text(q{SELECT FROM dns_query('SOUND.list.example', 'MX') AS mx, dns_query('sound.list.example', 'A', 'CH') AS ch});
is($session->text('SELECT question, type, class, status, hits FROM dns_cache ORDER BY question COLLATE "C", type, class'), <<'LIST' =~ s/\n\z//r, 'the list');
nxdomain.list.example|A|IN|NXDOMAIN|0
rcode2.list.example|A|IN|SERVFAIL|0
sound.list.example|A|CH|NOERROR|0
sound.list.example|A|IN|NOERROR|0
sound.list.example|MX|IN|NOERROR|0
LIST
is($session->text('SELECT question FROM dns_cache WHERE octets NOT BETWEEN 40 AND 200'), '', '... with the lengths of the messages');
is($session->text("SELECT dns_cache_flush('Sound.LIST.example.', 'mx')"), '1', 'one type of a name is forgotten');
is($session->text("SELECT dns_cache_flush(type => 'MX')"), '0', '... no more of that type is there');
is($session->text("SELECT dns_cache_flush('sound.list.example')"), '2', 'all of a name');
is($session->text("SELECT dns_cache_flush(type => 'A')"), '2', 'all of a type');
is($session->text('SELECT count(*) FROM dns_cache'), '0', 'nothing is left');
is($session->sqlstate("SELECT dns_cache_flush('a..b')"), '22023', 'what is no name is an error');
is($session->sqlstate("SELECT dns_cache_flush(type => 'NO')"), '22023', '... and what is no type');

done_testing();
