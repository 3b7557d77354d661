# Takes the descriptors that a backend has for extensions, except for as many as a
# test leaves.
#
#   my $reason = Descriptors->missing($session);    why that is not possible
#   my $descriptors = Descriptors->new($node, $session);
#   my $taken = $descriptors->take($but);
#   $descriptors->give;
#
# Connections of dblink take one each.

package Descriptors;

use strict;
use warnings;

sub missing
{
	my ($class, $session) = @_;

	# it closes a descriptor that is not its own where it finds none
	return 'dblink of PostgreSQL 17 and later cannot take all descriptors'
	  if $session->text('SHOW server_version_num') >= 170000;
	return 'there is no dblink'
	  if !$session->text("SELECT count(*) FROM pg_available_extensions WHERE name = 'dblink'");
	return undef;
}

sub new
{
	my ($class, $node, $session) = @_;

	$session->text(<<'SQL');
CREATE EXTENSION dblink;
CREATE FUNCTION take(connection text, but int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	taken int := 0;
BEGIN
	BEGIN
		LOOP
			PERFORM dblink_connect('c' || taken, connection);
			taken := taken + 1;
		END LOOP;
	EXCEPTION WHEN sqlclient_unable_to_establish_sqlconnection OR internal_error THEN
		NULL;
	END;
	FOR i IN 1 .. but LOOP
		PERFORM dblink_disconnect('c' || taken - i);
	END LOOP;
	RETURN taken - but;
END
$$
SQL
	return bless { session => $session, connection => $node->connstr('postgres') =~ s/'/''/gr }, $class;
}

# Take all except this many; returns the number taken.
sub take
{
	my ($self, $but) = @_;
	return $self->{session}->text("SELECT take('$self->{connection}', $but)");
}

sub give
{
	my ($self) = @_;
	$self->{session}->text('SELECT dblink_disconnect(c) FROM unnest(dblink_get_connections()) c');
}

1;
