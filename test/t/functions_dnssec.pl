# Property: the findings of a validating resolver are shown unchanged: verified answers,
# unsigned ones and forged ones differ, and a message is marked as authentic only if the
# way to the resolver is trusted.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Resolver;
use Session;
use Test::More;

my $resolver = Resolver->validating;
my $node = Session->cluster([$resolver]);

sub session
{
	my (%settings) = @_;
	my $session = Session->new($node);

	$session->text("SET pgcares.$_ = '$settings{$_}'") foreach sort keys %settings;
	return $session;
}

# Columns of a message
sub message
{
	my ($settings, $columns, $name, $type) = @_;
	return session(%$settings)->text("SELECT $columns FROM dns_message('$name', '" . ($type // 'A') . "')");
}

# The types of the records in a section
sub types
{
	my ($settings, $section, $name, $type) = @_;
	return message($settings,
		"(SELECT string_agg(DISTINCT type, ' ' ORDER BY type) FROM unnest($section))", $name, $type);
}

my %trusted = (trust_ad => 'on');
my %signed = (dnssec => 'on');
my $result = 'status, ad, answer[1].rdata';

# ---- Verified

is(message({%trusted}, $result, 'www.secure.example'), 'NOERROR|t|192.0.2.80', 'secure: authentic');
is(message({}, $result, 'www.secure.example'), 'NOERROR||192.0.2.80', '... unknown where the way is not trusted');
is(message({ %signed, %trusted }, $result, 'www.secure.example'), 'NOERROR|t|192.0.2.80', '... also with signatures');
is(message({%signed}, 'status, ad', 'www.secure.example'), 'NOERROR|', '... signatures alone change nothing');
is(message({%trusted}, 'status, ad', 'missing.secure.example'), 'NXDOMAIN|t', 'secure: no such name, authentic');
is(message({%trusted}, 'status, ad', 'www.secure.example', 'MX'), 'NODATA|t', 'secure: no such records, authentic');
is(session(%trusted)->text(q{SELECT dns_message_json('www.secure.example') -> 'AD'}), 'true', '... as JSON');
is(session()->text(q{SELECT dns_message_json('www.secure.example') -> 'AD' IS NULL}), 't', '... or left out');

# ---- Signatures and denials come on request, and are not records of the name

is(types({}, 'answer', 'www.secure.example'), 'A', 'no signatures unless asked for');
is(types({%signed}, 'answer', 'www.secure.example'), 'A RRSIG', 'pgcares.dnssec: signatures');
is(types({%signed}, 'authority', 'missing.secure.example'), 'NSEC RRSIG SOA', '... and denials');
is(types({%signed}, 'answer', 'secure.example', 'DNSKEY'), 'DNSKEY RRSIG', 'keys');
is(session(%signed)->text(q{SELECT type, rdata FROM dns_query('www.secure.example')}), 'A|192.0.2.80',
	'a lookup gives the records only');
like(session(%signed)->text(<<'SQL'), qr/^A\|13\|3\|300\|secure\.example$/, 'the fields of a signature');
SELECT r.data ->> 'type_covered', r.data ->> 'algorithm', r.data ->> 'labels', r.data ->> 'original_ttl',
	r.data ->> 'signers_name'
FROM dns_message('www.secure.example') AS m, unnest(m.answer) AS r WHERE r.type = 'RRSIG'
SQL

# ---- Not signed

is(message({%trusted}, $result, 'www.insecure.example'), 'NOERROR|f|192.0.2.80', 'insecure: not authentic');
is(message({}, $result, 'www.insecure.example'), 'NOERROR||192.0.2.80', '... unknown where the way is not trusted');
is(message({%trusted}, 'status, ad', 'missing.insecure.example'), 'NXDOMAIN|f', '... no such name');
is(types({%signed}, 'answer', 'www.insecure.example'), 'A', '... no signatures');

# ---- Forged

my $bogus = 'status, rcode, ad, cardinality(answer), ede_code IS NOT NULL';
is(message({%trusted}, $bogus, 'www.bogus.example'), 'SERVFAIL|2|f|0|t', 'bogus: a failure with its reason');
is(message({}, $bogus, 'www.bogus.example'), 'SERVFAIL|2||0|t', '... also where the way is not trusted');
my $error = session()->query(q{SELECT * FROM dns_a('www.bogus.example')})->{error};
is($error->{C}, 'ND002', 'bogus: an error for a lookup');
like($error->{D}, qr/The server added extended error \d+ \(.+\)/, '... with its reason too');

my %unchecked = (checking_disabled => 'on');
is(message({ %trusted, %unchecked }, $result, 'www.bogus.example'),
	'NOERROR|f|192.0.2.80', 'checking_disabled: the records, not authentic');
is(types({ %signed, %unchecked }, 'answer', 'www.bogus.example'), 'A RRSIG', '... with their signatures');
is(session(%unchecked)->text(q{SELECT host(address) FROM dns_a('www.bogus.example')}), '192.0.2.80', '... for a lookup');

# ---- The server of the zones verifies nothing

my $at = 'SELECT status, aa, ra, ad FROM dns_message_at(\'' . $resolver->authority->address . '\', ';
is(session(%trusted)->text("${at}'www.secure.example')"), 'NOERROR|t|f|f', 'the zone\'s own server does not mark answers as authentic');
is(session(%trusted)->text("${at}'www.bogus.example')"), 'NOERROR|t|f|f', '... nor as forged');

done_testing();
