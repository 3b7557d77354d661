# Many queries go out with one system call. For any result of the call, each question gets
# its answer, or the status that shows the cause: if messages cannot be cut to pieces, one
# goes at a time, buffers are full, messages are dropped, or sending is forbidden.
#
# sends.c stands between the server and the system.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Batch;
use NameServer;
use Session;

use constant { NUMBERS => 5, COUNT => 5000 };

# As in sends.c
use constant { AS_ALWAYS => 0, NO_SEGMENTS => 1, ONE_AT_A_TIME => 2, OFTEN_FULL => 3, OFTEN_LOST => 4, FORBIDDEN => 5 };

my $folder = PostgreSQL::Test::Utils::tempdir;
my $numbers = "$folder/numbers";
system($ENV{CC} // 'gcc', '-shared', '-fPIC', '-O1', '-o', "$folder/sends.so", "$FindBin::RealBin/../system/sends.c") == 0
  or BAIL_OUT('cannot build sends.so');
append_to_file($numbers, "\0" x (8 * NUMBERS));

my $server = NameServer->misbehaving;
my $node;
{
	# A checker must come first.
	local $ENV{LD_PRELOAD} = join ' ', grep { defined && length } $ENV{LD_PRELOAD}, "$folder/sends.so";
	local $ENV{SENDS} = $numbers;
	$node = Session->cluster([$server], "pgcares.timeout = '10s'", 'pgcares.max_in_flight = 1000');
}
my $session = Session->new($node);

sub put
{
	my (@values) = @_;

	open my $file, '+<', $numbers or die "cannot open $numbers: $!\n";
	syswrite $file, pack('q*', @values);
}

# Asks for names of many lengths, each once; returns the batch and the counts of sends.c.
sub ask
{
	my ($what, $description, $label) = @_;

	$label //= 'sound';
	put($what, (0) x (NUMBERS - 1));
	my $batch = Batch->run($server, $session, "'$label.' || repeat('n', g % 23 + 1)", COUNT);
	my (undef, $calls, $messages, $refused, $together) = unpack 'q*', slurp_file($numbers);
	$batch->all_succeed(COUNT, $description);
	note("$description: $calls calls for $messages messages, $refused refused");
	return ($batch, $calls, $messages, $refused, $together);
}

{
	# many answers that come together make room for as many questions
	my ($batch, $calls, $messages, $refused, $together) = ask(AS_ALWAYS, 'as always', 'delay50');

	$batch->asked_once(COUNT, 'as always');
	cmp_ok($messages, '>=', COUNT, '... all are sent this way');
	cmp_ok($calls, '<', $messages * 0.8, '... several with one call');
	is($refused, 0, '... and none is refused');
	cmp_ok($together, '>', 0, '... and many answers can be read as one');
}

{
	# the first socket that asks for that costs the system as much as a hundred lookups
	put(AS_ALWAYS, (0) x (NUMBERS - 1));
	Batch->run($server, $session, q{'sound'}, 40)->all_succeed(40, 'a few names');
	is((unpack 'q*', slurp_file($numbers))[-1], 0, '... whose answers are read one by one');
}

foreach my $case ([ NO_SEGMENTS, 'not cut to pieces' ], [ ONE_AT_A_TIME, 'one message a call' ], [ OFTEN_FULL, 'often full' ])
{
	my ($batch, undef, undef, $refused) = ask(@$case);

	$batch->asked_once(COUNT, $case->[1]);
	cmp_ok($refused, '>', 0, '... and refused at times') if $case->[0] != ONE_AT_A_TIME;
}

{
	# each query of a name can be one that is lost: one name in 2,401 loses four
	my $usual = $session;
	$session = Session->new($node, options => '-c pgcares.max_tries=10 -c pgcares.tries=10');
	my ($batch, undef, undef, $refused) = ask(OFTEN_LOST, 'often lost');

	cmp_ok($refused, '>', 0, '... and refused at times');
	# a question that is followed by no other is asked again only after the time of its try
	cmp_ok($batch->{stats}{resends}, '>', 0, '... and asked again, most of them soon');
	$session->close;
	$session = $usual;
}

# ---- Sending is forbidden

put(FORBIDDEN, (0) x (NUMBERS - 1));
my $result = $session->query(q{SELECT * FROM dns_a('sound.example')});
is(Session::sqlstate_of($result), 'NDA11', 'forbidden: no server can be reached');
like($result->{error}{D}, qr/Operation not permitted/, '... and the detail has the reason');
{
	my $batch = Batch->run($server, $session, q{'sound'}, COUNT);
	is_deeply($batch->{statuses}, { UNREACHABLE => COUNT }, 'forbidden: a batch has a status for each question');
	cmp_ok($batch->{seconds}, '<', 10, '... at once');
}

put((0) x NUMBERS);
is($session->text(q{SELECT host(address) FROM dns_a('sound.example')}), '192.0.2.1', 'the session goes on');
is_deeply([ $session->inet_sockets ], [], '... and has no socket left');
done_testing();
