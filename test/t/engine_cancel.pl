# A lookup that waits for a silent server ends at once when it is cancelled: with
# PostgreSQL's own SQLSTATE, and with nothing left open. The session goes on.

use strict;
use warnings;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use NameServer;
use Session;

# Seconds from the request to the error at the client. The machine can be busy at
# times: the best of ATTEMPTS counts.
use constant { WITHIN => 0.05, ATTEMPTS => 10 };

# Only the test ends a lookup: a single try takes this long.
my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], 'pgcares.timeout = 60s', 'pgcares.max_timeout = 10min');
my $other = Session->new($node);
my $names = 0;

# A name that is never answered and was never asked before
sub silent_name
{
	return 'drop.n' . ++$names . '.example';
}

sub lookup
{
	my ($name) = @_;
	return "SELECT * FROM dns_a('$name')";
}

# Start a lookup and wait until its question has reached the server.
sub start_lookup
{
	my ($session) = @_;
	my $name = silent_name();

	$session->send(lookup($name));
	Session::wait_until(sub { $server->count(qr/^\Q$name\E$/) }, 'the question');
}

# Ways to end the lookup of a session; each returns the result and the time that it
# took.
sub by_statement_timeout
{
	my ($session) = @_;
	my $limit = 0.3;
	my $start = time;
	my $result = $session->query('SET statement_timeout = ' . 1000 * $limit . '; ' . lookup(silent_name()));

	$session->text('RESET statement_timeout');
	return ($result, $result->{time} - $start - $limit);
}

sub by_cancel
{
	my ($session) = @_;

	start_lookup($session);
	my $start = time;
	$other->send('SELECT pg_cancel_backend(' . $session->pid . ')');
	my $result = $session->result;
	$other->result;
	return ($result, $result->{time} - $start);
}

sub is_quick
{
	my ($seconds, $what) = @_;
	my ($best) = sort { $a <=> $b } @$seconds;

	ok($best <= WITHIN, $what) or diag(sprintf 'best of %s s', join ', ', map { sprintf '%.3f', $_ } @$seconds);
}

# The session goes on and has opened nothing new.
sub test_cancels
{
	my ($transport, $end, $name, $message) = @_;
	my $session = Session->new($node, options => Session::way_options($transport));
	my (@states, @seconds, @messages);

	$session->text(lookup('sound.example'));
	my $before = $session->descriptors;
	foreach (1 .. ATTEMPTS)
	{
		my ($result, $seconds) = $end->($session);
		push @states, Session::sqlstate_of($result);
		push @messages, $result->{error} ? $result->{error}{M} : '';
		push @seconds, $seconds;
	}

	is("@states", join(' ', ('57014') x ATTEMPTS), "$name: SQLSTATE");
	like($messages[0], $message, "$name: message");
	is_quick(\@seconds, "$name: at once");
	is_deeply($session->descriptors, $before, "$name: descriptors as before");
	is($session->text('SELECT pg_backend_pid()'), $session->pid, "$name: the session goes on");
	is($session->text(lookup('sound.example')), '192.0.2.1|300', "$name: the next lookup succeeds");
	is_deeply($session->descriptors, $before, "$name: descriptors as before after the next lookup");
	$session->close;
}

sub test_terminate
{
	my ($transport, $name) = @_;
	my (@states, @seconds);

	foreach (1 .. ATTEMPTS)
	{
		my $session = Session->new($node, options => Session::way_options($transport));
		my $pid = $session->pid;

		start_lookup($session);
		my $start = time;
		$other->send("SELECT pg_terminate_backend($pid)");
		my $result = $session->result;
		$other->result;
		push @states, Session::sqlstate_of($result);
		push @seconds, $result->{time} - $start;
		Session::wait_until(sub { !$session->is_alive }, 'the end of the backend');
	}
	is("@states", join(' ', ('57P01') x ATTEMPTS), "$name: SQLSTATE");
	is_quick(\@seconds, "$name: at once");
}

# Presses Ctrl-C in psql; returns the time until the error.
sub press_ctrl_c
{
	my ($transport, $name) = @_;
	my ($in, $out) = ('', '');
	my $slow = silent_name();
	my $prompt = 'ready> ';

	local $ENV{PGOPTIONS} = Session::way_options($transport);
	my $psql = IPC::Run::start(
		[ 'psql', '-XAtn', '-P', 'pager=off', map({ ('-v', $_) } 'VERBOSITY=verbose', "PROMPT1=$prompt"),
			'-d', $node->connstr('postgres') ],
		'<pty<', \$in, '>pty>', \$out, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	my $said = sub { $out = ''; $in .= shift; $psql->pump until $out =~ /$prompt$/; return $out };

	$said->('');
	my ($pid) = $said->("SELECT 'pid', pg_backend_pid();\n") =~ /^pid\|(\d+)/m;
	$in .= lookup($slow) . ";\n";
	$psql->pump while length $in;
	Session::wait_until(sub { $server->count(qr/^\Q$slow\E$/) }, 'the question');

	my $start = time;
	my $error = $said->("\x03");
	my $seconds = time - $start;

	like($error, qr/57014: canceling statement due to user request/, "$name: SQLSTATE");
	like($said->("SELECT 'pid', pg_backend_pid();\n"), qr/^pid\|$pid\r?$/m, "$name: the session goes on");
	like($said->(lookup('sound.example') . ";\n"), qr/^192\.0\.2\.1\|300\r?$/m, "$name: the next lookup succeeds");
	$in = "\\q\n";
	$psql->finish;
	return $seconds;
}

foreach my $transport (qw(udp tcp))
{

	test_cancels($transport, \&by_statement_timeout, "statement_timeout, $transport", qr/due to statement timeout/);
	test_cancels($transport, \&by_cancel, "pg_cancel_backend, $transport", qr/due to user request/);
	test_terminate($transport, "pg_terminate_backend, $transport");
  SKIP:
	{
		skip 'there is no IO::Pty', 1 if !eval { require IO::Pty };
		is_quick([ map { press_ctrl_c($transport, "Ctrl-C, $transport") } 1 .. ATTEMPTS ], "Ctrl-C, $transport: at once");
	}

	# every question was asked over the right transport
	is_deeply([ grep { $_->{transport} ne $transport } $server->log ], [], "all questions came over $transport");
	$server->forget;
}

# When the server ends, its backends end too, while they wait for answers.
foreach my $how ('fast shutdown', 'death of the postmaster')
{
	my @sessions = map { Session->new($node, options => Session::way_options($_)) } 'udp', 'tcp';

	start_lookup($_) foreach @sessions;
	if ($how eq 'fast shutdown')
	{
		$node->stop('fast');
		is(join(' ', map { Session::sqlstate_of($_->result) } @sessions), '57P01 57P01', "$how: SQLSTATE");
	}
	else { $node->kill9 }

	my $start = time;
	Session::wait_until(sub { !grep { $_->is_alive } @sessions }, 'the end of the backends');
	cmp_ok(time - $start, '<', 2, "$how: backends are gone");
	$node->start if $how eq 'fast shutdown';
}
done_testing();
