# Property: a batch that is asked in slices, as docs/batches.md has it, can be stopped at
# any time. Several workers share the names. Neither a worker that is killed nor a server
# that crashes loses a name or has one recorded twice, and only the slices that were
# under way are asked again. Any text can be a name. What failed for a time is asked again when it is due; what has
# not changed is not written.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use FindBin;
use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

# Names, in a slice, workers
use constant { NAMES => 1200, SLICE => 50, WORKERS => 3 };

my ($tables, $worker) = slurp_file("$FindBin::RealBin/../../docs/batches.md") =~ /^```sql\n(CREATE EXTENSION.*?;)\nINSERT.*?^```sql\n(CREATE PROCEDURE.*?^\$\$;)\n/ms
  or die "docs/batches.md has no tables or no worker\n";

my $server = NameServer->misbehaving;
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', join "\n", Session::settings([$server]), "pgcares.timeout = '4s'", 'pgcares.tries = 1', 'restart_after_crash = on');
$node->start;
my $session = Session->new($node);
$session->text($_) foreach $tables, $worker, <<'NAMES' =~ s/NAMES/@{[NAMES]}/r;
INSERT INTO work (name) SELECT label || '.n' || i || '.example'
FROM generate_series(1, NAMES) i, LATERAL (SELECT CASE i % 100 WHEN 1 THEN 'nodata' WHEN 2 THEN 'rcode3' WHEN 3 THEN 'rcode2' WHEN 4 THEN 'delay500' WHEN 54 THEN 'delay500' ELSE 'delay20' END AS label OFFSET 0) l
NAMES

# Workers that have begun, and what is done
sub workers
{
	my @workers = map { Session->new($node) } 1 .. WORKERS;
	$_->send('CALL ask(' . SLICE . ')') foreach @workers;
	return @workers;
}

sub done
{
	return $session->text('SELECT count(*) FROM work WHERE tries > 0');
}

# A worker that is ended in the midst, then one that dies, and all sessions with it
my @workers = workers();
Session::wait_until(sub { done() >= 3 * SLICE }, 'the first slices');
$session->text('SELECT pg_terminate_backend(' . $workers[0]->pid . ')');
is(Session::sqlstate_of($workers[0]->result), '57P01', 'a worker is ended');
my $then = done();
Session::wait_until(sub { done() >= $then + 2 * SLICE }, 'more slices');
$then = done();
cmp_ok($then, '<', NAMES, 'another one is killed before all is done');
kill 'KILL', $workers[1]->pid;
is(Session::sqlstate_of($workers[2]->result), '08006', '... and the server ends all others');
$node->poll_query_until('postgres', 'SELECT 1', '1') or die "the server does not come back\n";
$session = Session->new($node);
cmp_ok(done(), '>=', $then, 'what was done is still done');
is($session->text('SELECT count(*), bool_and(due <= now()), bool_and(status IS NULL) FROM work WHERE tries = 0'), NAMES - done() . '|t|t', '... and all of the rest is due');

# The rest
@workers = workers();
is(join(' ', map { Session::sqlstate_of($_->result) } @workers), join(' ', ('00000') x WORKERS), 'the workers go on to the end');
is($session->text(q{SELECT status, count(*), min(tries), max(tries), count(due) FROM work GROUP BY status ORDER BY status}),
	join("\n", 'NODATA|12|1|1|0', 'NOERROR|1164|1|1|0', 'NXDOMAIN|12|1|1|0', 'SERVFAIL|12|1|1|12'), 'every name is recorded once');
is($session->text('SELECT count(*), count(address) FROM found'), '1188|1164', 'every final answer is kept, and no other');

# A loaded machine asks early for one name in a hundred.
my %times;
$times{"$_->{name} $_->{type}"}++ foreach $server->log;
my $again = grep { $times{$_} > 1 } keys %times;
is(scalar keys %times, 2 * NAMES, 'every name has been asked, for both families');
cmp_ok($again, '<=', 2 * (1 + WORKERS) * SLICE + 20 + 2 * NAMES / 100, '... and only what was under way has been asked again');

# What failed for a time
is($session->text(q{SELECT count(*) FROM work WHERE due BETWEEN now() AND now() + interval '1 minute'}), '12', 'what failed is due in a minute');
$session->text($_) foreach 'TRUNCATE work, found', q{INSERT INTO work (name) VALUES ('fail1.x.example')}, ('CALL ask(10)') x 2;
is($session->text('SELECT status, tries FROM work'), 'SERVFAIL|1', '... and not asked before');
$session->text($_) foreach q{UPDATE work SET due = due - interval '1 minute'}, 'CALL ask(10)';
is($session->text('SELECT status, tries, due FROM work'), 'NOERROR|2|', '... then it is asked again and found');

# The times between the attempts, and their end
$session->text($_) foreach 'TRUNCATE work, found', q{INSERT INTO work (name) VALUES ('rcode2.x.example')};
my @due;
foreach my $attempt (1 .. 5)
{
	$session->text('CALL ask(10)');
	push @due, $session->text('SELECT round(extract(epoch FROM due - now()) / 60) FROM work');
	$session->text('UPDATE work SET due = now()') if $attempt < 5;
}
is("@due", '1 4 16 64 ', 'the next attempt is due after 1, 4, 16 and 64 minutes, and the fifth is the last');
is($session->text('SELECT status, tries FROM work'), 'SERVFAIL|5', '... which leaves the last status');

# What has not changed
$session->text($_) foreach 'TRUNCATE work, found', q{INSERT INTO work (name) SELECT format('sound.n%s.example', i) FROM generate_series(1, 20) i},
  'CALL ask(20)', q{UPDATE found SET address = '192.0.2.99', since = '2000-01-01' WHERE name = 'sound.n7.example'},
  q{VACUUM found}, q{SELECT pg_stat_force_next_flush()}, q{SELECT pg_stat_reset_single_table_counters('found'::regclass)};
my %before = map { split /\|/ } split /\n/, $session->text('SELECT name, xmin FROM found');
$session->text($_) foreach 'UPDATE work SET due = now()', 'CALL ask(20)';
my %after = map { split /\|/ } split /\n/, $session->text('SELECT name, xmin FROM found');
is(join(' ', sort grep { $before{$_} ne $after{$_} } keys %after), 'sound.n7.example', 'only the row that differs is written again');
$session->text('SELECT pg_stat_force_next_flush()');
is($session->text(q{SELECT n_tup_ins, n_tup_upd, n_dead_tup FROM pg_stat_user_tables WHERE relname = 'found'}), '0|1|1', '... and leaves the only dead version');
is($session->text(q{SELECT address, since > '2001-01-01' FROM found WHERE name = 'sound.n7.example'}), '2001:db8::1|t', '... with its new answer');

# A resolver that does not answer costs a slice its deadline, not the patience for each name.
$session->text($_) foreach q{SET pgcares.timeout = '60s'}, q{SET statement_timeout = '30s'},
  'TRUNCATE work, found', q{INSERT INTO work (name) SELECT format('drop9.n%s.example', i) FROM generate_series(1, 20) i},
  $worker =~ s/CREATE PROCEDURE/CREATE OR REPLACE PROCEDURE/r =~ s/'60s'/'200ms'/r, 'CALL ask(20)';
is($session->text('SELECT status, tries, count(*), count(due) FROM work GROUP BY 1, 2'), 'TIMEOUT|1|20|20', 'what has no answer at the deadline of the slice is asked again later');

# The deadline is for one slice: the next one has its own.
$session->text($_) foreach 'TRUNCATE work, found', q{INSERT INTO work (name) SELECT format('delay300.n%s.example', i) FROM generate_series(1, 10) i},
  $worker =~ s/CREATE PROCEDURE/CREATE OR REPLACE PROCEDURE/r =~ s/'60s'/'1500ms'/r, 'CALL ask(1)';
is($session->text('SELECT status, tries, count(*) FROM work GROUP BY 1, 2'), 'NOERROR|1|10', 'each slice has the whole time of its deadline');

# Whatever the texts are, each is asked for and none stays: what a name looks like decides how it ends.
my @texts = ('', ' ', ' sound.x.example', 'Sound.X.example', 'sound.x.example', 'sound.x.example.', "b\xc3\xbccher.example", 'a.' x 140, 'x' x 2000,
	'a\\000b.example', '.', '*', '192.0.2.1', '::1', 'NULL', '{a,b}', '"q"', "tab\tname", "two\nlines", 'http://sound.example/');
$session->text($_) foreach 'TRUNCATE work, found', map({ my $text = s/'/''/gr; "INSERT INTO work (name) VALUES ('$text')" } @texts), 'CALL ask(3)';
is($session->text('SELECT count(*), min(tries), max(tries), count(due), bool_and(dns_status_is_final(status)) FROM work'), @texts . '|1|1|0|t', 'a table of odd texts is asked to its end');
is($session->text('SELECT count(*) FROM work JOIN found USING (name)'), scalar @texts, '... and each is found again under its own text');

done_testing();
