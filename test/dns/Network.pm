# A network of the test's own, which it can take down and slow down: loopback and
# nothing else.
#
#   use Network;                                     goes there
#   plan skip_all => $Network::missing if $Network::missing;
#   Network::command('ip link set lo down');
#
# The test starts again in a user and a network namespace, as the same user and
# with rights over that network only. Its child processes are in there as well.

package Network;

use strict;
use warnings;

# Only a test that is started with this is in there.
use constant MARK => 'PGCARES_NETWORK';

# Why the test is not there, if it is not
our $missing;

# At once: PostgreSQL's modules move the standard output before a test begins.
sub import
{
	my @unshare = qw(unshare --net --map-current-user --keep-caps);
	my $prepare = 'ip link set lo up && echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start';

	return if $ENV{ +MARK } || $^C;
	if (system("@unshare sh -c '$prepare' > /dev/null 2>&1") != 0)
	{
		$missing = 'the system does not give this user a network of its own';
		return;
	}
	$ENV{ +MARK } = 1;
	exec @unshare, 'sh', '-c', "$prepare; exec \"\$@\"", 'network', $^X, map({ "-I$_" } @INC), $0, @ARGV
	  or die "cannot run unshare: $!\n";
}

# Run a command of the shell in it; what it prints.
sub command
{
	my ($command) = @_;
	my $output = qx($command 2>&1);

	die "$command: $output\n" if $? != 0;
	return $output;
}

1;
