# The counts of all sessions: each kind of answer, each way to ask and to end is counted
# once, by server and by type, in the moment in which the call ends, whatever ends it.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

my $server = NameServer->misbehaving;
my $silent = NameServer->silent(address => '127.0.0.2');
my $closed = '127.0.0.3:' . NameServer->closed_port('127.0.0.3');
my $node = Session->cluster([$server], "shared_preload_libraries = 'pgcares'");
my $watcher = Session->new($node);
my $zones = 0;

my @answers = qw(noerror nodata nxdomain servfail refused other malformed);
my @counts = (qw(questions queries), @answers, qw(timeouts tcp sent_again));

# The counts of a row as a hash
sub counts
{
	my ($view, $condition) = @_;
	my @values = split /\|/, $watcher->text('SELECT ' . join(', ', @counts) . " FROM $view WHERE $condition");
	my %counts;

	@counts{@counts} = @values ? @values : (0) x @counts;
	return \%counts;
}

sub of_server
{
	my ($which) = @_;
	my ($address, $port) = (ref $which ? $which->address : $which) =~ /^(.*):(\d+)$/;
	return "address = '$address' AND port = $port";
}

# What has been added since
sub grown
{
	my ($after, $before) = @_;
	return { map { $_ => $after->{$_} - $before->{$_} } grep { $after->{$_} != $before->{$_} } @counts };
}

# Each kind of answer, in each way to ask
my %kind = (
	sound => 'noerror', nodata => 'nodata', nxdomain => 'nxdomain', rcode2 => 'servfail', rcode5 => 'refused',
	rcode4 => 'other', rcode1 => 'other', referral => 'other', a3 => 'malformed', cnameother => 'nodata',
	otherowner => 'nodata', otherplus => 'noerror', cnameplus => 'noerror', cnameback => 'noerror', dname => 'noerror', cnameloop => 'malformed');
my %ask = (
	single => q{SELECT count(*) FROM dns_a('%s.1.%s.example', 'ignore')},
	batch => q{SELECT count(*) FROM dns_query_many(ARRAY(SELECT '%s.' || g || '.%s.example' FROM generate_series(1, 3) g))},
	'look-ahead' => q{SELECT count(a.*) FROM generate_series(1, 3) g, LATERAL dns_a('%s.' || g || '.%s.example', 'ignore') a},
	message => q{SELECT count(*) FROM dns_message('%s.1.%s.example')});

foreach my $way ('udp, no edns', 'tcp, no edns')
{
	my $session = Session->new($node, options => Session::way_options($way));

	foreach my $ask (sort keys %ask)
	{
		foreach my $behaviour (sort keys %kind)
		{
			my $zone = 'z' . ++$zones;
			my $number = $ask =~ /batch|ahead/ ? 3 : 1;
			my @before = (counts('dns_stat_servers', of_server($server)), counts('dns_stat_types', q{type = 'A'}));

			# behind a chain that is left open, its last name is asked for
			$session->text(sprintf $ask{$ask}, $behaviour, $zone);
			my $seen = $server->count(qr/\.$zone\.example/);
			my %expected = (questions => $number, queries => $number, $kind{$behaviour} => $number,
				$way =~ /tcp/ ? (tcp => $number) : ());
			my @after = (counts('dns_stat_servers', of_server($server)), counts('dns_stat_types', q{type = 'A'}));
			is($seen, $number, "$way, $ask, $behaviour: queries that the server saw");
			is_deeply(grown($after[$_], $before[$_]), \%expected, '... ' . ('by server', 'by type')[$_]) foreach 0, 1;
		}
	}
	$session->close;
}

# Types: each has its row
{
	my $session = Session->new($node);
	$session->text(q{SELECT dns_stat_reset()});
	$session->text("SELECT count(*) FROM dns_query('x.example', '$_', 'IN', 'ignore')") foreach qw(A A MX TXT TYPE65280);
	is($watcher->text(q{SELECT string_agg(type || ' ' || questions, ', ' ORDER BY type) FROM dns_stat_types}),
		'A 2, MX 1, TXT 1, TYPE65280 1', 'types');
	is($watcher->text(q{SELECT sum(questions) FROM dns_stat_servers}), 5, '... and their server');
	is($watcher->text(q{SELECT (SELECT sum(t) FROM unnest(round_trips) t) || ' ' || (round_trip BETWEEN 0.001 AND 5000) FROM dns_stat_servers}),
		'5 true', '... and the times of the answers');
	ok($watcher->text(q{SELECT bool_and(stats_reset BETWEEN now() - interval '1 minute' AND now()) FROM dns_stat_servers}), '... and the reset');
}

# Time: a late answer is in the element for it
{
	my $session = Session->new($node);
	$session->text(q{SELECT dns_stat_reset()});
	$session->text(q{SELECT count(*) FROM dns_query('delay300.x.example', 'MX', 'IN', 'ignore')});
	is($watcher->text(q{SELECT (SELECT max(i) FROM unnest(round_trips) WITH ORDINALITY u (t, i) WHERE t > 0) >= 13 FROM dns_stat_types WHERE type = 'MX'}),
		't', 'a late answer');
}

# No answers: each query to a silent server is given up once; nobody there is a refusal.
foreach my $ask (sort keys %ask)
{
	my $number = $ask =~ /batch|ahead/ ? 3 : 1;
	my $session = Session->new($node);

	$session->text("SELECT dns_stat_reset(); SET pgcares.timeout = '200ms'; SET pgcares.tries = 2");
	$session->text("SET pgcares.servers = '" . $silent->address . "'; " . sprintf $ask{$ask}, 'n', 'z' . ++$zones);
	my $seen = $silent->count(qr/\.z$zones\.example/);
	my $counts = counts('dns_stat_servers', of_server($silent));
	is("$counts->{questions} $counts->{queries} $counts->{timeouts}", "$number $seen $seen", "$ask, silent: all given up");
	is($counts->{sent_again}, $seen - $number, '... and sent again');

	$session->text("SET pgcares.servers = '$closed'; " . sprintf $ask{$ask}, 'n', 'z' . ++$zones);
	cmp_ok($watcher->text('SELECT refused_connections FROM dns_stat_servers WHERE ' . of_server($closed)), '>=', 1, "$ask, closed: refused");
	is($watcher->text('SELECT timeouts FROM dns_stat_servers WHERE ' . of_server($closed)), 0, '... and nothing is given up');
	is($watcher->text('SELECT sum(in_flight) FROM dns_stat_servers'), 0, '... and nothing is in flight');
	is($watcher->text('SELECT count(*) FROM dns_stat_progress'), 0, '... and nobody is at work');
}

# Two servers, one of which fails: passed on, not sent again
{
	my $failing = NameServer->misbehaving(address => '127.0.0.4', mode => 'servfail');
	my $session = Session->new($node);

	$session->text('SELECT dns_stat_reset()');
	$session->text("SET pgcares.servers = '" . $failing->address . ', ' . $server->address . q{'; SELECT * FROM dns_a('n.example')});
	is(join(' ', map { my $c = counts('dns_stat_servers', of_server($_)); "$c->{questions} $c->{servfail} $c->{noerror} $c->{sent_again}" } $failing, $server),
		'1 1 0 0 1 0 1 0', 'a server that fails, and the next one');
	is(counts('dns_stat_types', q{type = 'A'})->{questions}, 1, '... are one question of the type');
}

# Truncated: asked again over TCP; forgeries: ignored
{
	my $session = Session->new($node);
	$session->text('SELECT dns_stat_reset()');
	$session->text(q{SELECT * FROM dns_a('tc.example')});
	my $counts = counts('dns_stat_servers', of_server($server));
	is("$counts->{questions} $counts->{queries} $counts->{tcp} $counts->{sent_again} $counts->{noerror}", '1 2 1 1 1', 'a truncated answer');
	$session->text(q{SELECT * FROM dns_a('wrongname.example')});
	cmp_ok($watcher->text('SELECT ignored FROM dns_stat_servers'), '>=', 1, 'a forgery');
}

# Within a call: the counts and the progress of a long one, while it runs
{
	my $session = Session->new($node);
	$session->text("SELECT dns_stat_reset(); SET pgcares.timeout = '20s'");
	$session->send(q{SELECT count(*) FROM dns_query_many(ARRAY(SELECT CASE WHEN g > 200 THEN 'drop' WHEN g > 150 THEN 'rcode2' ELSE 'n' END || '.' || g || '.long.example' FROM generate_series(1, 220) g))});
	Session::wait_until(sub { $watcher->text(q{SELECT count(*) FROM dns_stat_servers WHERE noerror >= 150 AND in_flight = 20 AND level > 0}) }, 'the counts of a call that runs');
	pass('a running call is counted');
	my $progress = q{SELECT datname, usename = current_user, kind, known, done, failed, fresh + waiting, oldest_wait > '1 ms', since < now()
		FROM dns_stat_progress WHERE pid = } . $session->pid;
	my $expected = 'postgres|t|call|220|200|50|20|t|t';
	Session::wait_until(sub { $watcher->text($progress) eq $expected }, "its progress ($expected)");
	pass('its progress is shown');

	# Cancelled: all of it is counted, and nothing stays
	$watcher->text('SELECT pg_cancel_backend(' . $session->pid . ')');
	is(Session::sqlstate_of($session->result), '57014', 'it is cancelled');
	is($watcher->text('SELECT count(*) FROM dns_stat_progress'), 0, '... and has no progress');
	is($watcher->text('SELECT in_flight FROM dns_stat_servers'), 0, '... and nothing in flight');
	is($watcher->text('SELECT queries FROM dns_stat_servers'), $server->count(qr/\.long\.example/), '... and all its queries are counted');

	# Terminated
	$session->send(q{SELECT count(*) FROM generate_series(1, 100) g, LATERAL dns_a('drop.' || g || '.longer.example')});
	$progress =~ s/datname.*since < now\(\)/kind, known > 0, done/s;
	Session::wait_until(sub { $watcher->text($progress) =~ /\|t\|0$/ }, 'the progress of look-ahead');
	is($watcher->text($progress), 'look-ahead|t|0', 'look-ahead has progress');
	$watcher->text('SELECT pg_terminate_backend(' . $session->pid . ')');
	Session::wait_until(sub { !$session->is_alive }, 'its end');
	is($watcher->text('SELECT count(*) FROM dns_stat_progress'), 0, 'terminated: it has no progress');
	is($watcher->text('SELECT in_flight FROM dns_stat_servers'), 0, '... and nothing in flight');
	is($watcher->text('SELECT queries FROM dns_stat_servers'), $server->count(qr/\.long(er)?\.example/), '... and all its queries are counted');
}

# Progress, watched: what is done grows, and with what is under way it is all that was asked
{
	my $session = Session->new($node);
	my (@done, @off);

	$session->send(q{SELECT count(*) FROM dns_query_many(ARRAY(SELECT 'delay' || 20 * g || '.watch' || g || '.example' FROM generate_series(1, 100) g))});
	until ($session->has_result)
	{
		my ($known, $done, $failed, $under_way) = split /\|/, $watcher->text('SELECT known, done, failed, fresh + waiting FROM dns_stat_progress WHERE pid = ' . $session->pid);

		push @off, "$known $done $failed $under_way" if defined $known && ($known != 100 || $done + $under_way > 100 || $failed > 0);
		push @done, $done if defined $done && !(@done && $done[-1] == $done);
	}
	is($session->result->{rows}[0][0], 100, 'progress that is watched');
	is_deeply([ sort { $a <=> $b } @done ], \@done, '... never goes back');
	cmp_ok(scalar @done, '>=', 3, '... and shows the steps');
	is("@off", '', '... of all questions');
}

# Sessions at the same time: nothing is lost
{
	my @sessions = map { Session->new($node) } 1 .. 8;
	my $before = counts('dns_stat_servers', of_server($server))->{queries};

	$server->forget;
	$_->send(q{DO $$ BEGIN FOR i IN 1 .. 200 LOOP PERFORM * FROM dns_a('n' || i || '.many.example'); END LOOP; END $$}) foreach @sessions;
	my (@seen, @beyond);
	until (!grep { !$_->has_result } @sessions)
	{
		push @seen, counts('dns_stat_servers', of_server($server))->{queries};
		push @beyond, $seen[-1] if $seen[-1] - $before > 8 * 200;
	}
	$_->result foreach @sessions;
	is_deeply([ sort { $a <=> $b } @seen ], \@seen, 'eight sessions: the counts never go back');
	is("@beyond", '', '... nor too far');
	is(counts('dns_stat_servers', of_server($server))->{queries} - $before, $server->count(qr/\.many\.example/), 'eight sessions: each query is counted');
}

# A session has a place for a few pairs of a server and a type, and its successor takes it
# over: no pair is lost or counted twice, in whichever order that happens.
foreach my $types (1, 7, 8, 9, 30)
{
	my $expected = 0;
	my $is_right = sub {
		my ($what) = @_;
		is($watcher->text(q{SELECT coalesce(sum(queries), 0) || ' ' || coalesce(sum(nodata), 0) FROM dns_stat_types}), "$expected $expected", "$types types: $what");
		is($watcher->text(q{SELECT coalesce(sum(queries), 0) || ' ' || coalesce(sum(nodata), 0) FROM dns_stat_servers}), "$expected $expected", '... by server');
	};
	my $ask = sub {
		my ($session, $first) = @_;
		$session->text("SELECT FROM dns_query('x.example', 'TYPE$_', 'IN', 'ignore')") foreach $first .. $first + $types - 1;
		$expected += $types;
	};

	$watcher->text('SELECT dns_stat_reset()');
	my $session = Session->new($node);
	$ask->($session, 1000);
	$is_right->('counted');
	$ask->($session, 1000);
	$is_right->('counted again');
	$watcher->text('SELECT dns_stat_reset()');
	$expected = 0;
	$is_right->('after a reset');
	$ask->($session, 1000);
	$is_right->('... counted');
	my $pid = $session->pid;
	$session->close;
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid");
	$is_right->('after the end of the session');
	my @next = map { Session->new($node) } 1 .. 3;
	$ask->($next[$_], 1000 + 5 * $_) foreach 0 .. 2;
	$is_right->('by the next ones');
	$watcher->text('SELECT dns_stat_reset()');
	$expected = 0;
	$_->close foreach @next;
	$node->poll_query_until('postgres', q{SELECT count(*) <= 3 FROM pg_stat_activity WHERE backend_type = 'client backend'});
	$is_right->('a reset, and then their end');
	$ask->(Session->new($node), 1000);
	$is_right->('... and then another one');
}

# A reset while questions are in flight
{
	my $session = Session->new($node);
	$session->text("SET pgcares.timeout = '20s'");
	$session->send(q{SELECT count(*) FROM dns_query_many(ARRAY(SELECT 'drop.' || g || '.r.example' FROM generate_series(1, 20) g))});
	my $in_flight = 'SELECT sum(in_flight) FROM dns_stat_servers';
	Session::wait_until(sub { ($watcher->text($in_flight) || 0) == 20 }, 'questions in flight');
	$watcher->text('SELECT dns_stat_reset()');
	Session::wait_until(sub { ($watcher->text($in_flight) || 0) == 20 }, 'questions in flight, again');
	$watcher->text('SELECT pg_cancel_backend(' . $session->pid . ')');
	$session->result;
	is($watcher->text($in_flight) || 0, 0, 'a reset while questions are in flight');
}

done_testing();
