# Property: a value that was set before the library was loaded is checked, with the role
# that set it, when the library is loaded: a bad one is dropped with a warning. On a
# server that preloads the library, it is refused at once.

use strict;
use warnings;

use NameServer;
use Session;
use Test::More;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server]);
my $session = Session->new($node);

sub warnings_of
{
	my ($result) = @_;
	return join "\n", map { "$_->{C} $_->{M}" } @{ $result->{notices} };
}

$session->text('CREATE ROLE plain LOGIN');

# a value that does not fit, and one that does
$session->text("SET pgcares.tries = 'many'; SET pgcares.on_error = 'ignore'");
is(warnings_of($session->query("LOAD 'pgcares'")), '22023 invalid value for parameter "pgcares.tries": "many"',
	'a bad value: a warning when the library is loaded');
is($session->text('SHOW pgcares.tries'), '4', '... and the default');
is($session->text('SHOW pgcares.on_error'), 'ignore', 'a good value stays');

# a bad server, and a setting that does not exist
$session = Session->new($node);
$session->text("SET pgcares.servers = '1.2.3.4.5'; SET pgcares.nosuch = 1");
my $result = $session->query("SELECT host(address) FROM dns_a('a.example')");
is(warnings_of($result), qq{22023 invalid value for parameter "pgcares.servers": "1.2.3.4.5"\n42602 invalid configuration parameter name "pgcares.nosuch", removing it},
	'a bad server and an unknown setting: warnings when a lookup loads the library');
is($result->{rows}[0][0], '192.0.2.1', '... and the server of the configuration is asked');
is($session->sqlstate('SHOW pgcares.nosuch'), '42704', '... and the unknown setting is gone');

# a setting for superusers, by another role
$session = Session->new($node);
$session->text("SET ROLE plain; SET pgcares.servers = '127.0.0.1:1'; SET pgcares.on_error = 'ignore'");
is(warnings_of($session->query("SELECT dns_to_ascii('A.example')")), '42501 permission denied to set parameter "pgcares.servers"',
	'a setting for superusers, by a plain role: a warning');
$session->text('RESET ROLE');
is($session->text("SELECT host(address) FROM dns_a('a.example')"), '192.0.2.1', '... and the server of the configuration is asked');
is($session->text('SHOW pgcares.on_error'), 'ignore', '... and a setting for everybody stays');
$session->close;

# preloaded: the same at once
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgcares'");
$node->restart;
$session = Session->new($node);
is($session->sqlstate("SET pgcares.tries = 'many'"), '22023', 'preloaded: a bad value is refused');
is($session->sqlstate("SET pgcares.servers = '1.2.3.4.5'"), '22023', '... and a bad server');
is($session->sqlstate('SET pgcares.nosuch = 1'), '42602', '... and an unknown setting');
$session->text('SET ROLE plain');
is($session->sqlstate("SET pgcares.servers = '127.0.0.1:1'"), '42501', '... and a setting for superusers, by a plain role');
is($session->sqlstate("SET pgcares.on_error = 'ignore'"), '00000', '... but not one for everybody');

done_testing();
