# Property: what rdata shows reads back. For data of any type, with usual, rare, unassigned
# and damaged values, the text in a zone file stands for the same octets.
#
# The reader is BIND's named-compilezone. It refuses some data in any form, so a refusal of
# text counts only if it takes the same octets in the form of unknown types. The data is random; the seed is printed, and
# PGCARES_TEST_SEED gives the same again.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Wire;

plan skip_all => 'named-compilezone is not installed (Debian package: bind9-utils)'
  if !eval { IPC::Run::run([ 'named-compilezone', '-v' ], '>&', \my $said) };

# Random data of a type
use constant EACH => $ENV{PGCARES_DEEP} ? 1000 : 300;

my $seed = $ENV{PGCARES_TEST_SEED} // int rand 2**31;
srand $seed;
note("PGCARES_TEST_SEED=$seed");

# The data of each type, by the generators below; TXT stands for types like it
my %layout = (
	A => 'ip4', AAAA => 'ip6', A6 => 'a6', AFSDB => 'u16 name', AMTRELAY => 'relay', APL => 'prefixes', ATMA => 'atma',
	AVC => 'strings', BRID => 'octets', CAA => 'u8 tag octets', CDNSKEY => 'key', CDS => 'digest', CERT => 'u16 u16 u8 octets',
	CLA => 'strings', CNAME => 'name', CSYNC => 'u32 u16 types', DHCID => 'octets', DLV => 'digest', DNAME => 'name',
	DNSKEY => 'key', DOA => 'u32 u32 u8 string octets', DS => 'digest', DSYNC => 'u16 u8 u16 name', EID => 'octets',
	EUI48 => 'eui48', EUI64 => 'eui64', GPOS => 'position position position', HHIT => 'octets', HINFO => 'string string',
	HIP => 'hip', HTTPS => 'u16 name params', IPSECKEY => 'ipseckey', ISDN => 'string string', KEY => 'key', KX => 'u16 name',
	L32 => 'u16 ip4', L64 => 'u16 eui64', LOC => 'location', LP => 'u16 name', MB => 'name', MD => 'name', MF => 'name',
	MG => 'name', MINFO => 'name name', MR => 'name', MX => 'u16 name', NAPTR => 'u16 u16 string string regexp name',
	NID => 'u16 eui64', NIMLOC => 'octets', NINFO => 'strings', NS => 'name', NSAP => 'octets', 'NSAP-PTR' => 'name',
	NSEC => 'name types', NSEC3 => 'u8 u8 u16 string string types', NSEC3PARAM => 'u8 u8 u16 string', NULL => 'octets',
	NXT => 'name flat', OPENPGPKEY => 'octets', PTR => 'name', PX => 'u16 name name', RESINFO => 'strings', RKEY => 'key',
	RP => 'name name', RRSIG => 'signature', RT => 'u16 name', SIG => 'signature', SINK => 'u8 u8 u8 octets',
	SMIMEA => 'association', SPF => 'strings', SRV => 'u16 u16 u16 name', SSHFP => 'u8 u8 octets', SVCB => 'u16 name params',
	TA => 'digest', TALINK => 'name name', TLSA => 'association', TXT => 'strings', URI => 'u16 u16 octets',
	WALLET => 'strings', WKS => 'ip4 u8 flat', X25 => 'digits', ZONEMD => 'u32 u8 u8 octets');

# Types that are no data, that only have an unknown form, or that stand at the top of a zone
# alone: the fields of SOA are those of other types
my @bare = qw(SOA OPT NXNAME TKEY TSIG IXFR AXFR MAILB MAILA ANY UINFO UID GID UNSPEC IPN);

sub one_of { return $_[ rand @_ ] }
sub some { return join '', map { chr int rand 256 } 1 .. int rand($_[0] + 1) }
sub exactly { return join '', map { chr int rand 256 } 1 .. $_[0] }
sub number { my ($bits) = @_; return one_of(0 .. 8, 13, 252 .. 255, 2**$bits - 1, 2**($bits - 1), int rand 2**$bits) % 2**$bits }

# A bitmap of the numbers up to a limit, at most as long as it must be, or longer
sub bits
{
	my ($limit) = @_;
	my $bits = '';

	vec($bits, 8 * int($_ / 8) + 7 - $_ % 8, 1) = 1 foreach map { int rand $limit } 0 .. rand 8;
	return $bits . (rand 12 < 1 ? "\0" : '');
}

my @letters = (('a' .. 'z') x 4, 'A' .. 'Z', 0 .. 9, split(//, " \t\n\"\\.;()@\$,=/#!-_*&%'"), "\0", "\x7f", "\xc3\xa9", "\xff");
sub word { return join '', map { one_of(@letters) } 1 .. int rand($_[0] + 1) }
sub string { return pack('C/a*', @_ ? $_[0] : word(one_of(0, 1, 4, 20, 60))) }

my %value;    # of a parameter of SVCB
%value = (
	0 => sub { join '', map { pack 'n', $_ } sort { $a <=> $b } map { int rand 10 } 0 .. rand 3 },
	1 => sub { join '', map { string(one_of('h2', 'h3', 'a,b', 'a\\b', word(6))) } 0 .. rand 3 },
	2 => sub { '' }, 3 => sub { exactly(2) }, 4 => sub { exactly(4 + 4 * int rand 3) }, 5 => sub { some(30) },
	6 => sub { exactly(16 + 16 * int rand 2) }, 7 => sub { one_of('/dns-query{?dns}', word(10)) }, 8 => sub { one_of('', word(2)) });

# The octets of a gateway of a kind
sub gateway
{
	my ($kind) = @_;
	return $kind == 0 ? '' : $kind == 1 ? exactly(4) : $kind == 2 ? exactly(16) : $kind == 3 ? make('name') : some(8);
}

my %generator = (
	u8 => sub { chr number(8) }, u16 => sub { pack 'n', number(16) }, u32 => sub { pack 'N', number(32) },
	ip4 => sub { exactly(4) }, eui48 => sub { exactly(6) }, eui64 => sub { exactly(8) },
	ip6 => sub { join '', map { pack 'n', one_of(0, 0, 1, 0xffff, int rand 65536) } 1 .. 8 },
	name => sub {
		return "\0" if rand 8 < 1;
		return join('', map { pack 'C/a*', substr(word(one_of(3, 10, 63)) . 'x', 0, 63) } 1 .. 1 + rand 3) . "\0";
	},
	octets => sub { rand 10 < 1 ? '' : one_of(some(40), word(40)) },
	string => \&string,
	# BIND loses the place in its file after one that is wrong
	regexp => sub { string(one_of('', '!^.*$!sip:info@a.example!', '/(a)\\.b"c;/\\1/i', '!x!caf\xc3\xa9!')) },
	strings => sub { join '', map { string() } 0 .. rand 3 },
	tag => sub { string(one_of('issue', 'iodef', 'Issue1', '', word(5))) },
	digits => sub { string(join '', map { int rand 10 } 0 .. 3 + rand 10) },
	position => sub { string(one_of('-32.6882', '116.8652', '10.0', word(4))) },
	key => sub { pack('n C2', number(16), one_of(3, number(8)), number(8)) . make('octets') },
	digest => sub { pack('n C2', number(16), number(8), number(8)) . make('octets') },
	association => sub { exactly(3) . make('octets') },
	signature => sub { pack('n C2 N3 n', number(16), number(8), number(8), map { number(32) } 1 .. 4) . make('name') . make('octets') },
	types => sub {
		my @windows = sort { $a <=> $b } grep { rand 3 < 1 } 0, 1, 2, 128, 255;
		return join '', map { pack 'C C/a*', $_, substr(bits(256), 0, 32) } @windows;
	},
	flat => sub { bits(one_of(40, 128, 1000)) },
	params => sub {
		my @keys = sort { $a <=> $b } grep { rand 4 < 1 } 0 .. 10, 667, 65280, 65535;
		return join '', map { pack 'n n/a*', $_, rand 20 < 1 ? some(6) : ($value{$_} // sub { word(8) })->() } @keys;
	},
	prefixes => sub {
		return join '', map {
			my $family = one_of((1, 2) x 5, 0, 3, 65535);
			my $octets = (rand 8 < 1 ? some(20) : exactly(int rand($family == 1 ? 5 : 17))) =~ s/\0+\z//r;
			pack('n C C', $family, one_of((0, 8, 24, 32) x 3, 33, 64, 128, 129), length($octets) | one_of(0, 128)) . $octets;
		} 1 .. rand 4;
	},
	atma => sub { one_of("\0" . some(20), "\1" . join('', map { int rand 10 } 0 .. rand 15), "\1" . word(5), some(8)) },
	a6 => sub {
		my $prefix = one_of(0, 1, 8, 64, 65, 127, 128, 129, 255);
		my $suffix = exactly($prefix > 128 ? 0 : 16 - int($prefix / 8));
		return chr($prefix) . $suffix . ($prefix > 0 || rand 9 < 1 ? make('name') : '');
	},
	relay => sub { my $type = one_of(0 .. 4, 127); return chr(number(8)) . chr($type | one_of(0, 128)) . gateway($type) },
	ipseckey => sub { my $type = one_of(0 .. 4, 255); return pack('C3', number(8), $type, number(8)) . gateway($type) . make('octets') },
	hip => sub { my ($hit, $key) = (one_of('', some(16)), some(30)); return pack('C C n a* a*', length $hit, number(8), length $key, $hit, $key) . join('', map { make('name') } 1 .. rand 3) },
	location => sub {
		my $size = sub { rand 12 < 1 ? int rand 256 : one_of(0, 0x12, 0x13, 0x16, 0x99, 0x90, 0x10, 0x11, 0x19) };
		my $angle = sub { my $most = $_[0] * 3600000; 2**31 + one_of(0, $most, -$most, rand 8 < 1 ? $most + 1 : 1, int(rand(2 * $most) - $most)) };
		return pack('C C3 N3', rand 20 < 1 ? 1 : 0, $size->(), $size->(), $size->(), $angle->(90), $angle->(180), one_of(0, 10000000, 9999999, 2**32 - 1, int rand 2**32));
	});

sub make { return $generator{ $_[0] }->() }

# Damage
my @changes = (
	sub { substr($_[0], rand length $_[0], 1) = chr int rand 256 },
	sub { substr($_[0], rand length $_[0], 1) = one_of("\0", "\1", "\x80", "\xff") },
	sub { $_[0] = substr($_[0], 0, rand length $_[0]) },
	sub { $_[0] .= exactly(1 + int rand 3) });

sub data
{
	my ($layout) = @_;
	my $data = join '', map { make($_) } split / /, $layout;

	one_of(@changes)->($data) if rand 4 < 1 && length $data;
	return $data;
}

my $node = Session->cluster(['127.0.0.1:9']);
my $session = Session->new($node);
my %code = map { split /\|/ } split /\n/, $session->text('SELECT type, code FROM dns_types()');
is(join(' ', sort keys %code), join(' ', sort keys %layout, @bare), 'all types have a layout here');

# Types that BIND 9.18 has no text for, and words that it does not know
my %unknown_type = map { $_ => 1 } qw(CLA MD MF);
my %unknown_word = (CLA => 'TYPE263', IPN => 'TYPE264', NXNAME => 'TYPE128', ohttp => 'key8');

# What dns_parse() shows for data of a type: pairs of data and text; without those that
# make a message malformed
sub shown
{
	my ($type, @data) = @_;
	my $list = join ',', map { "'" . unpack('H*', $_) . "'" } @data;
	my $result = $session->query(<<"SQL");
SELECT d, answer[1].rdata FROM unnest(ARRAY[$list]) AS d,
	dns_parse(decode('000180000000000100000000' || '016100' || lpad(to_hex($code{$type}), 4, '0')
		|| '000100000000' || lpad(to_hex(length(d) / 2), 4, '0') || d, 'hex'), 'ignore')
WHERE status IS DISTINCT FROM 'MALFORMED'
SQL
	die "$type: $result->{error}{M}\n" if $result->{error};
	return map { [ pack('H*', $_->[0]), $_->[1] ] } @{ $result->{rows} };
}

my (@lines, %count, @wrong);
foreach my $type (sort keys %layout)
{
	my %data = map { data($layout{$type}) => 1 } 1 .. EACH;

	foreach my $pair (shown($type, sort keys %data))
	{
		my ($data, $text) = @$pair;

		if ($text =~ /^\\#/)
		{
			# its reader is simple
			my $hex = uc unpack('H*', $data);
			my $expected = join ' ', '\\#', length $data, $hex eq '' ? () : $hex;
			push @wrong, "$type $hex: $text" if $text ne $expected;
			$count{$type}{generic}++;
			next;
		}
		push @lines, { type => $type, data => $data, text => $text };
		$count{$type}{fields}++;
	}
}
is_deeply(\@wrong, [], 'text in the form of unknown types has all octets');
note(join ', ', map { "$_ " . ($count{$_}{fields} // 0) . '+' . ($count{$_}{generic} // 0) } sort keys %count);
is_deeply([ grep { ($count{$_}{fields} // 0) < EACH / 10 && $_ ne 'NULL' } sort keys %layout ], [], 'each type has text with fields');

# Reads lines with named-compilezone; gives the data by number of the line. Lines that it
# refuses get an error.
sub read_back
{
	my (@lines) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . '/zone';
	my (%refused, $out, $err);

	# newer versions of the reader end at the first line that they refuse
	for (my $known = -1; $known < keys %refused;)
	{
		$known = keys %refused;
		open(my $zone, '>:raw', $file) or die "cannot write \"$file\": $!\n";
		print $zone "\$TTL 60\n\@ SOA . . 1 2 3 4 5\n\@ NS ns.elsewhere.\n";
		printf $zone "n%d %s %s\n", $_, $lines[$_]{type}, $lines[$_]{text} foreach grep { !$refused{$_} } 0 .. $#lines;
		close $zone;
		my @options = map { ("-$_", 'ignore') } qw(k n m M S r W);
		IPC::Run::run([ 'named-compilezone', @options, qw(-i none -f text -F raw -o), "$file.raw", 'a.example', $file ], '>', \$out, '2>', \$err);
		last if -e "$file.raw";
		# the number of the line in the file, 3 more than ours
		my @left = grep { !$refused{$_} } 0 .. $#lines;
		foreach my $line (split /\n/, "$out$err")
		{
			# these are about the zone, or the consequence of another line
			next if $line =~ /signature has expired|old style DNSSEC|unbalanced/;
			$refused{ $left[ $1 - 4 ] } //= $2 if $line =~ /:(\d+): (.*)/ && $1 >= 4;
		}
	}
	note("not loaded:\n" . substr("$out$err", 0, 2000)) if !-e "$file.raw";
	my %data;
	my $raw = -e "$file.raw" ? slurp_file("$file.raw") : '';
	unlink "$file.raw";
	for (my $at = 24; $at < length $raw;)
	{
		my ($size, $count, $owner) = unpack('N x2 x2 x2 x4 N n/a*', substr($raw, $at));
		my ($rdata) = unpack('n/a*', substr($raw, $at + 20 + length $owner));

		$data{$1} = $rdata if $owner =~ /^.n(\d+)\x01a/;
		$at += $size || die "the raw zone is not as expected\n";
	}
	return \%refused, \%data;
}

my @in_zone = grep { !$unknown_type{ $_->{type} } } @lines;
foreach my $line (@in_zone)
{
	$line->{text} =~ s/(?<![^ ,=])$_(?![^ ,])/$unknown_word{$_}/g foreach keys %unknown_word;
}
my ($refused, $data) = read_back(@in_zone);
my @refused = map { my ($type, $octets) = @{ $in_zone[$_] }{qw(type data)};
	{ type => $type, number => $_, text => join ' ', '\\#', length $octets, unpack('H*', $octets) || () } } sort { $a <=> $b } keys %$refused;
my (undef, $taken) = read_back(@refused);
my %taken = map { $refused[$_]{number} => 1 } keys %$taken;

# once more on their own: an error can be reported for a line beside it
my @once_more = sort { $a <=> $b } keys %taken;
my (undef, $read) = read_back(@in_zone[@once_more]);
$data->{ $once_more[$_] } = $read->{$_} foreach keys %$read;
note(keys(%$refused) . ' lines are refused, ' . keys(%taken) . ' of them only with fields');
cmp_ok(scalar keys %$data, '>', @in_zone / 2, 'most lines are read');
my %wrong;
foreach my $i (0 .. $#in_zone)
{
	my ($type, $octets, $text) = @{ $in_zone[$i] }{qw(type data text)};
	my $shown = unpack('H*', $octets) . ": $text";

	if (!exists $data->{$i}) { next if $refused->{$i} && !$taken{$i}; push @{ $wrong{$type} }, "$shown is refused: " . ($refused->{$i} // 'without a word') }
	elsif ($data->{$i} ne $octets) { push @{ $wrong{$type} }, "$shown is " . unpack('H*', $data->{$i}) }
}
foreach my $type (sort keys %layout)
{
	is_deeply([ splice @{ $wrong{$type} // [] }, 0, 5 ], [], "$type reads back") if $count{$type}{fields};
}

done_testing();
