# The clients that are measured, and the way to run each.
#
#   my @clients = Clients::all(%place);    window, port, folder, address of massdns
#
# A client is a hash. "id" is its name in results, "title" its name in tables, "from" the
# source of its names: host, reverse (names of addresses) or address. Then either "sql",
# the statements that are measured in a session, after "setup", which is not measured; or
# "program", a command. NAMES stands for the number of names; programs get the names as
# standard input, and FILE is their file.
#
#   answers   SQL that returns the number of answers, if "sql" itself does not; for a
#             program, a pattern for the line of an answer: without it the program
#             measures itself, as limit.c does
#   alone     it asks one name at a time, and gets fewer
#   at_most   the most names with latency, since it takes too long
#   grows     it is measured with a thousand names and up to a million
#   missing   the reason why it cannot run here
#   version   a command that fails if it is not installed, and otherwise prints the
#             version; "fits" is a pattern for a version that can be used
#   language  the language that PostgreSQL needs for it

package Clients;

use strict;
use warnings;
use FindBin;

# In the order of the table
sub all
{
	my (%place) = @_;
	return (limits(%place), cares(%place), massdns(%place), ours(), others(%place));
}

sub limits
{
	my (%place) = @_;
	my $limit = "$place{folder}/limit -p $place{port} -w $place{window}";

	return (
		{
			id => 'limit_gso', title => 'bare limit: `sendmmsg` with UDP_SEGMENT', from => 'host',
			program => "$limit -g"
		},
		{ id => 'limit', title => 'bare limit: `sendmmsg`', from => 'host', program => $limit });
}

# The library without pgcares
sub cares
{
	my (%place) = @_;
	my $cares = "$place{folder}/cares -p $place{port}";

	return (
		{ id => 'cares', title => 'c-ares alone, A', from => 'host', program => "$cares -w $place{window}" },
		{ id => 'cares_one', title => 'c-ares alone, A, one at a time', from => 'host', alone => 1, program => "$cares -w 1" });
}

sub massdns
{
	my (%place) = @_;
	my $massdns = "$place{folder}/massdns -q -r $place{folder}/resolvers -s $place{window} --socket-count 1 --rcvbuf 4194304 -o S";
	my $missing = -x "$place{folder}/massdns" ? undef : 'not found: MASSDNS=PATH names it';
	my $line = '^\S+ \S+ \S';

	return (
		(map {
			{
				id => 'massdns_' . lc $_->[0], title => "massdns, $_->[0]", from => $_->[1], missing => $missing,
				program => "$massdns -t $_->[0] FILE", answers => qr/$line/
			}
		} [ A => 'host' ], [ MX => 'host' ], [ PTR => 'reverse' ]),
		{
			id => 'massdns_copy', title => '`COPY FROM PROGRAM` massdns, A', from => 'host', missing => $missing,
			setup => 'CREATE TEMPORARY TABLE line (line text)',
			sql => "COPY (SELECT name FROM host WHERE id <= NAMES) TO '$place{folder}/names';
				COPY line FROM PROGRAM '$massdns -t A $place{folder}/names'",
			answers => "SELECT count(DISTINCT split_part(line, ' ', 1)) FROM line WHERE line ~ '$line'"
		});
}

sub ours
{
	my $lateral = 'SELECT count(a.address) FROM host h CROSS JOIN LATERAL dns_a(h.name) a WHERE h.id <= NAMES';
	my %array = map { $_ => "ARRAY(SELECT $_ FROM host WHERE id <= NAMES)" } qw(name reverse address);

	return (
		(map {
			my ($type, $from, $column) = @$_;
			{
				id => 'many_' . lc $type, title => "`dns_query_many`, $type", from => $from, grows => $type eq 'A',
				sql => "SELECT count(rdata) FROM dns_query_many($array{$column}, '$type')"
			}
		} [qw(A host name)], [qw(MX host name)], [qw(PTR reverse reverse)]),
		{
			id => 'lookup_many', title => '`dns_lookup_many`, IPv4', from => 'host',
			sql => "SELECT count(address) FROM dns_lookup_many($array{name}, 4)"
		},
		{
			id => 'reverse_many', title => '`dns_reverse_many`', from => 'address',
			sql => "SELECT count(ptrdname) FROM dns_reverse_many($array{address})"
		},
		{ id => 'lateral', title => '`LATERAL dns_a`', from => 'host', grows => 1, sql => $lateral },
		{
			id => 'row', title => '`LATERAL dns_a`, `lookahead = off`', from => 'host', grows => 1, alone => 1,
			setup => 'SET pgcares.lookahead = off', sql => $lateral
		},
		{
			id => 'row_open', title => '`LATERAL dns_a`, `lookahead = off`, `keep_open`', from => 'host', alone => 1,
			setup => "SET pgcares.lookahead = off; SET pgcares.keep_open = on", sql => $lateral
		});
}

# Other tools that people use
sub others
{
	my (%place) = @_;
	my $peers = "$FindBin::RealBin/peers";
	my $pycares = q(python3 -c 'import pycares; print("pycares", pycares.__version__)');
	my $net_dns = q(perl -MNet::DNS -e 'print "Net::DNS ", Net::DNS->VERSION');

	return (
		{
			id => 'adnsresfilter', title => 'adnsresfilter', from => 'address', at_most => 5_000,
			version => 'adnsresfilter --version', missing => $place{port} == 53 ? undef : 'asks port 53 only, which is not to be had',
			program => "adnsresfilter --config 'nameserver 127.0.0.1' -w -u", answers => qr/^h[0-9a-f]{8}\./
		},
		{
			id => 'pycares', title => 'pycares, A', from => 'host', version => $pycares, fits => qr/ 4\./,
			program => "python3 $peers/pycares_window.py $place{port} $place{window}"
		},
		{
			id => 'plpython', title => 'pycares in PL/Python, A', from => 'host', version => $pycares, fits => qr/ 4\./,
			language => 'plpython3u', setup => python_function($peers, %place),
			sql => 'SELECT count(address) FROM pycares_many(ARRAY(SELECT name FROM host WHERE id <= NAMES))'
		},
		{
			id => 'net_dns', title => 'Net::DNS, A', from => 'host', version => $net_dns,
			alone => 1, program => "perl $peers/net_dns.pl $place{port}"
		},
		{
			id => 'plperl', title => 'Net::DNS in PL/Perl, A', from => 'host', version => $net_dns,
			language => 'plperlu', alone => 1, setup => perl_function(%place),
			sql => 'SELECT count(net_dns_a(name)) FROM host WHERE id <= NAMES'
		});
}

sub python_function
{
	my ($peers, %place) = @_;

	return <<SQL;
CREATE OR REPLACE FUNCTION pycares_many(names text[]) RETURNS TABLE (name text, address text) LANGUAGE plpython3u AS '
import sys
if "window" not in GD:
    sys.dont_write_bytecode = True
    sys.path.insert(0, "$peers")
    from pycares_window import Window
    GD["window"] = Window($place{port}, $place{window})
return GD["window"].ask(names)'
SQL
}

sub perl_function
{
	my (%place) = @_;

	return <<SQL;
CREATE OR REPLACE FUNCTION net_dns_a(name text) RETURNS text LANGUAGE plperlu AS '
use Net::DNS;
my \$resolver = \$_SHARED{resolver} //=
  Net::DNS::Resolver->new(nameservers => ["127.0.0.1"], port => $place{port}, persistent_udp => 1);
my \$answer = \$resolver->send(\$_[0], "A") or return undef;
my (\$record) = \$answer->answer;
return \$record && \$record->address'
SQL
}

1;
