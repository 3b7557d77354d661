# The statements of test/lookahead/analyst, and their tables.
#
#   my $analyst = Analyst->new($node, $server->address, rows => 30);
#   foreach my $statement ($analyst->statements) { ... }
#
# A statement is a hash: name, sql, ahead (true if it has the node), more (questions with
# look-ahead that it may have more). Statements that this PostgreSQL cannot run are left out.
package Analyst;

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Utils;
use Session;

my $directory = "$FindBin::Bin/../test/lookahead";
$directory = "$FindBin::Bin/../lookahead" if !-d $directory;

# Makes the tables, with this number of rows, at least 30.
sub new
{
	my ($class, $node, $address, %options) = @_;
	my $setup = Session->new($node);
	my $self = bless { address => $address, version => int($setup->text('SHOW server_version_num') / 10000) }, $class;

	$setup->text(slurp_file("$directory/analyst.sql") =~ s/\bROWS\b/$options{rows}/gr);
	$self->{has_foreign} = $setup->sqlstate('CREATE EXTENSION postgres_fdw') eq '00000';
	$self->{has_xml} = $setup->sqlstate('SELECT xmlelement(name here)') eq '00000';
	$setup->text($_) foreach !$self->{has_foreign} ? () : (
		sprintf(q{CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%s', dbname 'postgres')}, $node->host, $node->port),
		'CREATE USER MAPPING FOR PUBLIC SERVER here',
		q{CREATE FOREIGN TABLE remote_hosts (id int, name text) SERVER here OPTIONS (table_name 'hosts')});
	$setup->close;
	return $self;
}

sub statements
{
	my ($self) = @_;
	my (undef, @parts) = split /^=== (.*)\n/m, slurp_file("$directory/analyst");
	my @statements;

	while (my ($title, $sql) = splice @parts, 0, 2)
	{
		my ($name, $not, $more, $from) = $title =~ /^(.*): (not )?ahead(?:, at most (\d+) more)?(?:, from (\d+))?$/ or die "cannot read \"$title\"\n";

		$sql =~ s/^#.*\n//mg;
		$sql =~ s/SERVER/$self->{address}/g;
		next if $self->{version} < ($from // 0) || ($sql =~ /remote_hosts/ && !$self->{has_foreign}) ||
		  ($sql =~ /xmlelement|xmlforest/ && !$self->{has_xml});
		push @statements, { name => $name, sql => $sql, ahead => !$not, more => $more // 0 };
	}
	return @statements;
}

1;
