# The place of the measurement: a throw-away PostgreSQL and the responder, each on a core
# of its own if there are two, and the system's counts of them.
#
#   my $place = Place->new($folder, $window);
#   $place->start_responder('-d 5');
#   my ($rows, $messages) = $place->psql($seconds, $sql);
#   $place->command($seconds, $line);
#   my $before = $place->counters; ...; %run = $place->with_counters($before, %run);
#
# Clients run on one core, the responder on the other.

package Place;

use strict;
use warnings;
use IO::Handle;
use POSIX ();
use Time::HiRes qw(time);

use constant TICKS => POSIX::sysconf(POSIX::_SC_CLK_TCK());

# The octets of a receive buffer that a datagram takes, and the share of it that can be
# filled
use constant { DATAGRAM => 768, SHARE => 0.9 };

sub new
{
	my ($class, $folder, $window) = @_;
	my @cores = cores();
	my $self = bless {
		folder => $folder, window => $window,
		server_core => $cores[0], client_core => $cores[-1], cores => scalar @cores
	}, $class;

	$self->{port} = $self->find_port;
	$self->fit_window;
	write_file("$folder/resolvers", "127.0.0.1:$self->{port}\n");
	$self->start_cluster;
	return $self;
}

# The cores that this process can use
sub cores
{
	my ($list) = read_file('/proc/self/status') =~ /^Cpus_allowed_list:\s*(\S+)/m;

	return map { my ($first, $last) = split /-/; $first .. $last // $first } split /,/, $list;
}

# 53 if it is available: some programs ask no other port
sub find_port
{
	my ($self) = @_;

	foreach my $port (53, 0)
	{
		my $found = eval { $self->{port} = $port; $self->start_responder('') };
		$self->stop_responder;
		return $found if $found;
	}
	die "the responder cannot be started\n";
}

# A window of more datagrams than a receive buffer holds would measure losses.
sub fit_window
{
	my ($self) = @_;
	my $fits = int($self->{buffer} * SHARE / DATAGRAM);

	return if $self->{window} <= $fits;
	print STDERR "a window of $fits: the system grants no larger receive buffer (net.core.rmem_max)\n";
	$self->{window} = $fits;
}

# Starts it and waits until it is ready; returns its port
sub start_responder
{
	my ($self, $options) = @_;
	my $pid = open(my $output, '-|', "exec taskset -c $self->{server_core} $self->{folder}/responder -p $self->{port} $options")
	  // die "cannot start the responder: $!\n";

	@$self{qw(responder said)} = ($pid, $output);
	my $line = <$output> // die "the responder does not start\n";
	my ($port, $buffer) = $line =~ /^ready (\d+) (\d+)$/;
	$self->{buffer} = $buffer;
	return $port;
}

sub stop_responder
{
	my ($self) = @_;

	my $pid = delete $self->{responder} or return;
	kill 'TERM', $pid;
	close delete $self->{said};
}

sub start_cluster
{
	my ($self) = @_;
	my $data = "$self->{folder}/data";
	my $log = "$self->{folder}/log";

	@ENV{qw(PGHOST PGUSER PGDATABASE PGOPTIONS)} = ($self->{folder}, 'postgres', 'postgres', '');
	quietly("initdb -N -A trust -U postgres -E UTF8 --locale=C -D $data", $log);
	write_file("$data/postgresql.conf", read_file("$data/postgresql.conf") . read_file($ENV{TEMP_CONFIG}) . <<CONF);
listen_addresses = ''
unix_socket_directories = '$self->{folder}'
fsync = off
autovacuum = off
jit = off
max_wal_size = 4GB
work_mem = 64MB
max_parallel_workers_per_gather = 0
pgcares.servers = '127.0.0.1:$self->{port}'
pgcares.resolvconf = '/dev/null'
pgcares.max_in_flight = $self->{window}
CONF
	quietly("taskset -c $self->{client_core} pg_ctl -w -D $data -l $log start", "$self->{folder}/pg_ctl.log");
	$self->psql(60, 'CREATE EXTENSION pgcares');
}

sub stop
{
	my ($self) = @_;

	quietly("pg_ctl -m immediate -D $self->{folder}/data stop", "$self->{folder}/pg_ctl.log");
}

sub has_language
{
	my ($self, $language) = @_;
	return eval { $self->psql(60, "SET client_min_messages = error; CREATE EXTENSION IF NOT EXISTS $language"); 1 };
}

# Names, addresses and the names of these, which the responder knows
sub fill_table
{
	my ($self, $rows) = @_;

	$self->psql(300, <<SQL);
CREATE TABLE host AS
	SELECT id, 'host' || id + 1000000 || '.bench.test' AS name, address, dns_reverse_address(address) AS reverse
	FROM (SELECT id, inet '10.0.0.0' + id AS address FROM generate_series(1, $rows) id) a;
ALTER TABLE host ADD PRIMARY KEY (id);
VACUUM (ANALYZE, FREEZE) host;
CHECKPOINT;
SQL
}

# A file with the first values of a column
sub names_file
{
	my ($self, $from, $count) = @_;
	my $column = $from eq 'host' ? 'name' : $from;
	my $file = "$self->{folder}/$from-$count";

	$self->psql(60, "COPY (SELECT $column FROM host WHERE id <= $count ORDER BY id) TO '$file'") if !-e $file;
	return $file;
}

# Runs SQL in a session of its own; returns its output and its messages
sub psql
{
	my ($self, $seconds, $sql) = @_;
	my ($script, $rows, $messages) = map { "$self->{folder}/psql.$_" } qw(sql out err);

	write_file($script, $sql);
	system("timeout $seconds psql -X -q -A -t -v ON_ERROR_STOP=1 -f $script > $rows 2> $messages") == 0
	  or die read_file($messages), "psql ends with status ", $? >> 8, "\n";
	return (read_file($rows), read_file($messages));
}

# Runs a program on the core of the clients
sub command
{
	my ($self, $seconds, $line) = @_;
	my $messages = "$self->{folder}/messages";

	system("timeout $seconds taskset -c $self->{client_core} $line 2> $messages") == 0
	  or die read_file($messages), "$line: status $?\n";
}

# The system's counts: queries and time of the responder, time of all processors
sub counters
{
	my ($self) = @_;
	my $server = 0;
	my $said = $self->{said};

	kill 'USR1', $self->{responder};
	my ($queries) = (<$said> // '') =~ /^queries (\d+)/ or die "the responder has ended\n";
	$server = (split ' ', read_file("/proc/$self->{responder}/schedstat"))[0] / 1e9;
	my (undef, $user, $nice, $system, undef, undef, $irq, $softirq, $steal) = split ' ', read_file('/proc/stat');
	my $all = ($user + $nice + $system + $irq + $softirq + $steal) / TICKS;
	return { queries => $queries, server => $server, all => $all, time => time };
}

# A run, and the counts since its beginning: "others" is the work of other processes, in
# processors. The client's own work is "client", if that is more than was measured.
sub with_counters
{
	my ($self, $before, %run) = @_;
	my $after = $self->counters;
	my %spent = map { $_ => $after->{$_} - $before->{$_} } keys %$after;
	my $client = delete $run{client} // $run{user} + $run{system};
	my $others = ($spent{all} - $spent{server} - $client) / $spent{time};

	return (%run, queries => $spent{queries}, server => $spent{server}, others => $others > 0 ? $others : 0);
}

# The description of the machine and of all that takes part
sub facts
{
	my ($self, $rounds) = @_;
	my ($model) = read_file('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)$/m;
	my (undef, undef, $kernel, undef, $machine) = POSIX::uname();
	my ($postgres) = $self->psql(60, "SELECT split_part(current_setting('server_version'), ' ', 1)");
	my ($versions) = $self->psql(60, 'SELECT dns_version()');

	chomp($postgres, $versions);
	return (
		'machine: ' . ($model // $machine) . ", $self->{cores} cores, Linux $kernel",
		"PostgreSQL: $postgres", "pgcares: $versions", "window: $self->{window}", "rounds: $rounds");
}

sub quietly
{
	my ($command, $log) = @_;

	system("$command >> $log 2>&1 < /dev/null") == 0 or die read_file($log), "$command: status $?\n";
}

sub read_file
{
	my ($path) = @_;

	open(my $file, '<', $path) or die "cannot read \"$path\": $!\n";
	local $/;
	return <$file> // '';
}

sub write_file
{
	my ($path, $text) = @_;

	open(my $file, '>', $path) or die "cannot write \"$path\": $!\n";
	print $file $text;
	close $file or die "cannot write \"$path\": $!\n";
}

1;
