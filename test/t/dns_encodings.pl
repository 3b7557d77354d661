# Property: in a database of any encoding, text from an answer shows exactly which octets
# came: names and rdata in printable ASCII, other data as it was sent if it is text in
# that encoding; and names that users write in it are asked as the right A-labels.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use Encode ();
use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Wire;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server]);

my @octets = map { join '', map { chr } @$_ } [ 0 .. 127 ], [ 128 .. 255 ];
my $session;

# Questions whose answers have all octets in each kind of text
my @everywhere = ("'nameall.example', 'PTR'", "'txtall.example', 'TXT'", "'hinfo255.example', 'HINFO'",
	"'naptr255.example', 'NAPTR'", "'urihigh.example', 'URI'");

# A hosts file, and the addresses of A-labels in it
my $hosts = PostgreSQL::Test::Utils::tempdir() . '/hosts';
my %address;

# The only value of the only row
sub value
{
	my ($sql) = @_;
	my $result = $session->query($sql);

	return "$result->{error}{C} $result->{error}{M}" if $result->{error};
	return $result->{rows}[0][0];
}

# The octets that text with escapes stands for
sub octets_of
{
	my ($text) = @_;
	return $text =~ s/\\(?:(\d{3})|(.))/defined $1 ? chr $1 : $2/gesr;
}

# The same for quoted strings
sub quoted
{
	my ($text) = @_;
	return map { octets_of($_) } $text =~ /"((?:[^"\\]|\\.)*)"/g;
}

# Compares octet by octet; is() would print the octets.
sub same
{
	my ($given, $wanted, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is(unpack('H*', $given // 'undefined'), unpack('H*', $wanted), $what);
}

sub printable
{
	my ($text, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	like($text, qr/^[ -~]+\z/, "$what is printable ASCII");
}

# The one column of the rows, in order
sub column
{
	my ($sql) = @_;
	return map { $_->[0] } @{ $session->query($sql)->{rows} };
}

# ---- Output

sub check_names
{
	my @wire = map { Wire::name(join '.', map { s/(.)/sprintf '\\%03d', ord $1/gesr } /.{1,63}/gs) } @octets;
	my %names = (
		ptrdname => [ column("SELECT ptrdname FROM dns_ptr('nameall.example')") ],
		rdata => [ column("SELECT rdata FROM dns_query('nameall.example', 'PTR')") ],
		data => [ column("SELECT data->>'ptrdname' FROM dns_query('nameall.example', 'PTR')") ]);

	foreach my $place (sort keys %names)
	{
		is(scalar @{ $names{$place} }, 2, "$place: two names");
		foreach my $i (0, 1)
		{
			printable($names{$place}[$i], $place);
			same(Wire::name($names{$place}[$i]), $wire[$i], '... with all its octets');
		}
	}

	# a name from an answer can be asked, and comes back as the owner
	foreach my $i (0, 1)
	{
		my $name = $names{ptrdname}[$i];
		my $quoted = $name =~ s/'/''/gr;

		$server->forget;
		my $owner = value("SELECT name FROM dns_query('$quoted')");
		same(Wire::name($owner), $wire[$i], 'a name from an answer comes back as the owner');
		is(join(' ', map { $_->{name} } $server->log),
			Wire::name_text($octets[$i] =~ /.{1,63}/gs), '... and was asked with the same octets');
		is(value("SELECT dns_to_ascii('$quoted')"), $name, '... and dns_to_ascii() does not change it');
	}
}

sub check_texts
{
	my $all = join '', @octets;
	my $txt = value("SELECT txt FROM dns_txt('txtall.example')");
	my $rdata = value("SELECT rdata FROM dns_query('txtall.example', 'TXT')");
	my $whole = value("SELECT data->>'txt' FROM dns_query('txtall.example', 'TXT')");
	my $second = value("SELECT data->'strings'->>1 FROM dns_query('txtall.example', 'TXT')");

	same(octets_of($txt), $all, 'txt with all its octets');
	is(value("SELECT dns_unescape(txt) = strings[1] || strings[2] FROM dns_txt('txtall.example')"), 't', '... as dns_unescape reads it');
	printable($rdata, 'rdata');
	same(join('', quoted($rdata)), $all, '... with all its octets');
	same(octets_of($whole), $all, 'data with all its octets');
	same(octets_of($second), $octets[1], '... string by string');
	same(pack('H*', value("SELECT encode(strings[1] || strings[2], 'hex') FROM dns_txt('txtall.example')")),
		$all, 'strings has all octets');
}

sub check_other_fields
{
	my ($hinfo, $naptr, $uri) =
	  map { $session->query("SELECT * FROM $_")->{rows}[0] }
	  "dns_hinfo('hinfo255.example')", "dns_naptr('naptr255.example')", "dns_uri('urihigh.example')";
	my %expected = (
		cpu => [ $hinfo->[0], "\xff" x 255 ],
		os => [ $hinfo->[1], "\0" ],
		flags => [ $naptr->[2], "\xff" ],
		services => [ $naptr->[3], "\xff\xfe" ],
		regexp => [ $naptr->[4], "!\xff!" ],
		replacement => [ $naptr->[5], "\xff" ],
		target => [ $uri->[2], "https://caf\xc3\xa9.example/\xff\0" ]);

	foreach my $field (sort keys %expected)
	{
		same(octets_of($expected{$field}[0]), $expected{$field}[1], "$field with all its octets");
	}

	my @rdata = quoted(value("SELECT rdata FROM dns_query('hinfo255.example', 'HINFO')"));
	same($rdata[0], "\xff" x 255, 'rdata of HINFO: the first string');
	same($rdata[1], "\0", '... and the second');
	@rdata = quoted(value("SELECT rdata FROM dns_query('naptr255.example', 'NAPTR')"));
	same(join('|', @rdata), "\xff|\xff\xfe|!\xff!", 'rdata of NAPTR');
	@rdata = quoted(value("SELECT rdata FROM dns_query('urihigh.example', 'URI')"));
	same($rdata[0], $expected{target}[1], 'rdata of URI');
	foreach my $case ([ 'hinfo255', 'HINFO' ], [ 'naptr255', 'NAPTR' ], [ 'urihigh', 'URI' ])
	{
		my ($label, $type) = @$case;
		printable(value("SELECT rdata FROM dns_query('$label.example', '$type')"), "rdata of $type");
	}
}

# Is this text in the encoding?
sub is_text
{
	my ($octets, $encoding) = @_;

	return 0 if $octets =~ /\0/;
	return 1 if $encoding eq 'SQL_ASCII' || $encoding eq 'LATIN1';
	return defined eval { Encode::decode($encoding eq 'UTF8' ? 'UTF-8' : 'euc-jp', my $copy = $octets, Encode::FB_CROAK) };
}

# Data that is no name is not escaped if it is text: in columns and in jsonb. The server
# sends the data that is in the name.
sub check_sent
{
	my ($encoding) = @_;
	my $before = { TXT => '', HINFO => '', NAPTR => pack('n2 C2', 1, 2, 0, 0), CAA => "\0\5issue", URI => pack('n2', 1, 2) };
	my @columns = ([ 'TXT', 'txt' ], [ 'HINFO', 'cpu' ], [ 'NAPTR', 'regexp' ], [ 'CAA', 'value' ], [ 'URI', 'target' ]);

	foreach my $text ('a\\b', '^\\+1(.*)$', '"quoted" ; x', "tab\tnewline\n", "caf\xc3\xa9", "b\xfcch", "\xa4\xa2", "\xe6\x97\xa5",
		"cut \xe6\x97", "nul\0\\", "\xff\\\xc3\xa9\\")
	{
		my $is_text = is_text($text, $encoding);

		foreach my $column (@columns)
		{
			my ($type, $name) = @$column;
			my $whole = $type =~ /CAA|URI/;
			my $data = $before->{$type} . ($whole ? $text : pack('C/a*', $text)) . ($type =~ /HINFO|NAPTR/ ? "\0" : '');
			my $label = 'hex' . unpack('H*', $data);
			my $shown = value("SELECT $name FROM dns_${\lc $type}('$label.example')");

			same($is_text ? $shown : octets_of($shown), $text, "$encoding: $name " . unpack('H*', $text) . ($is_text ? ' as it was sent' : ' escaped'));
			same(value("SELECT data->>'$name' FROM dns_query('$label.example', '$type')"), $shown, '... and in jsonb');
		}
	}

	# a character in two strings
	my $label = 'hex' . unpack('H*', Wire::strings("caf\xc3", "\xa9"));
	same(value("SELECT txt FROM dns_txt('$label.example')"), is_text("caf\xc3\xa9", $encoding) ? "caf\xc3\xa9" : 'caf\\195\\169', 'a character in two strings');
}

# A server's text about a failure, in an error and in a warning
sub check_messages
{
	my %said = (
		edehigh => "\xff\xfe\0\n\"\x1b[0m",
		edecut => "caf\xc3",
		edeutf8 => "caf\xc3\xa9");

	foreach my $label (sort keys %said)
	{
		my $error = $session->query("SELECT * FROM dns_a('$label.example')")->{error};
		my $warning = $session->query("SELECT * FROM dns_a('$label.example', 'warning')")->{notices}[0];

		is($error->{C}, 'ND002', "$label: an error");
		foreach my $message ($error, $warning)
		{
			my $text = $message->{D} =~ /Authority\): (.*)\./ ? $1 : '';

			printable($message->{M} . $message->{D} . $message->{H}, "... the text of the $message->{S}");
			same(octets_of($text), $said{$label}, '... with all its octets');
		}
		is($warning->{S}, 'WARNING', '... and a warning, if wanted');
	}
}

# A server's text in whole messages
sub check_columns
{
	my %said = (nsidhigh => [ 'nsid', "\0\\\xff\"x" ], edehigh => [ 'ede_text', "\xff\xfe\0\n\"\x1b[0m" ]);

	foreach my $label (sort keys %said)
	{
		my ($column, $octets) = @{ $said{$label} };
		my $text = value("SELECT $column FROM dns_message('$label.example')");

		same(octets_of($text), $octets, "$column with all its octets");
	}
	foreach my $question (@everywhere)
	{
		is(value("SELECT status FROM dns_message($question) m WHERE length(to_jsonb(m)::text) > 0"), 'NOERROR', "a message as a row: $question");
		printable(value("SELECT dns_message_json($question)::text"), '... and as JSON');
	}
}

# Results that are stored in tables survive a dump, octet by octet.
sub check_dump
{
	my ($database) = @_;
	my $dump = $node->basedir . "/$database.sql";
	my $digest = q{SELECT md5(string_agg(r::text, '' ORDER BY r::text)) FROM records r UNION ALL SELECT md5(string_agg(m::text, '' ORDER BY m::text)) FROM messages m};

	$session->text('CREATE TABLE records AS ' . join ' UNION ALL ', map { "SELECT * FROM dns_query($_)" } @everywhere);
	$session->text('CREATE TABLE messages AS ' . join ' UNION ALL ', map { "SELECT * FROM dns_message($_)" } @everywhere, "'edehigh.example'", "'nsidhigh.example'");
	my $before = $session->text($digest);
	my $rows = $session->text('SELECT count(*) FROM records');
	cmp_ok($rows, '>=', scalar @everywhere, 'results are stored in tables');
	$node->command_ok([ 'pg_dump', '--file', $dump, $node->connstr($database) ], '... that can be dumped');
	$session->text("CREATE DATABASE ${database}_again TEMPLATE template0 ENCODING '$database' LC_COLLATE 'C' LC_CTYPE 'C'");
	$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr("${database}_again") ], '... and restored');
	is(Session->new($node, dbname => "${database}_again")->text($digest), $before, '... and are the same');
}

# ---- Input

# A name in the encoding of the client, and its A-label or the SQLSTATE
sub check_question
{
	my ($written, $asked, $what) = @_;

	$server->forget;
	my $result = $session->query("SELECT * FROM dns_a('$written.example')");
	if ($asked =~ /^(?:\d|ND)/)
	{
		is($result->{error}{C}, $asked, $what);
		is($server->count, 0, '... and nothing is asked');
		return;
	}
	is(join(' ', map { $_->{name} } $server->log), "$asked.example", $what);
	is(value("SELECT dns_to_ascii('$written.example')"), "$asked.example", '... and dns_to_ascii() gives the same');
}

# An A-label, and its U-label in the encoding of the client or the SQLSTATE
sub check_unicode
{
	my ($a_label, $shown, $what) = @_;
	my $result = $session->query("SELECT dns_to_unicode('$a_label.example')");

	if ($shown =~ /^\d/)
	{
		is($result->{error}{C}, $shown, $what);
		return;
	}
	same($result->{rows}[0][0], "$shown.example", $what);
}

# The name of an address with U-labels, as far as the encoding has them
sub check_node
{
	my ($a_label, $shown, $what) = @_;

	$shown = $a_label if $shown =~ /^\d/;
	$session->text("SET pgcares.lookups = f; SET pgcares.hosts_file = '$hosts'");
	same(value("SELECT node FROM dns_getnameinfo('$address{$a_label}', 0, '{idn}')"), "$shown.example", $what);
	is(value("SELECT node FROM dns_getnameinfo('$address{$a_label}')"), "$a_label.example", '... or without');
	$session->text('RESET pgcares.lookups');
}

# Labels: buecher with u umlaut, nihongo in Kanji, "Thai" in Thai. In EUC_JP, u umlaut
# has three octets.
my ($german, $japanese, $thai) = ('xn--bcher-kva', 'xn--wgv71a119e', 'xn--o3cw4h');
my %utf8 = (
	$german => "b\xc3\xbccher",
	$japanese => "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
	$thai => "\xe0\xb9\x84\xe0\xb8\x97\xe0\xb8\xa2");
my %written = (
	UTF8 => \%utf8,
	SQL_ASCII => \%utf8,
	LATIN1 => { $german => "b\xfccher", $japanese => '22P05', $thai => '22P05' },
	EUC_JP => { $german => "b\x8f\xab\xe4cher", $japanese => "\xc6\xfc\xcb\xdc\xb8\xec", $thai => '22P05' });

@address{ $german, $japanese, $thai } = map { "10.0.0.$_" } 1 .. 3;
append_to_file($hosts, "$address{$_} $_.example\n") foreach keys %address;

foreach my $encoding (sort keys %written)
{
	my $database = lc $encoding;

	$node->safe_psql('postgres',
		"CREATE DATABASE $database TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'");
	$node->safe_psql($database, 'CREATE EXTENSION pgcares');
	$session = Session->new($node, dbname => $database);
	$session->text("SET client_encoding = '$encoding'");
	note($encoding);

	check_names();
	check_texts();
	check_other_fields();
	check_sent($encoding);
	check_messages();
	check_columns();
	check_dump($database);

	foreach my $a_label ($german, $japanese, $thai)
	{
		my $u_label = $written{$encoding}{$a_label};

		check_unicode($a_label, $u_label, "$encoding: $a_label as it is written");
		check_node($a_label, $u_label, "$encoding: $a_label as the name of an address");
		check_question($u_label, $a_label, "$encoding: $a_label is asked") if $u_label !~ /^\d/;
	}
	$session->close;
}

# SQL_ASCII accepts any octets: valid UTF-8 is read as UTF-8, anything else is not a
# name.
$session = Session->new($node, dbname => 'sql_ascii');
$session->text("SET client_encoding = 'SQL_ASCII'");
check_question("b\xfccher", 'NDA08', 'SQL_ASCII: not UTF-8');
check_question("\xff\xfe", 'NDA08', 'SQL_ASCII: octets that UTF-8 never has');
check_question("\xe6\x97", 'NDA08', 'SQL_ASCII: UTF-8 cut short');
check_question("\xed\xa0\x80", 'NDA08', 'SQL_ASCII: a surrogate');
check_question("\xc0\xae", 'NDA08', 'SQL_ASCII: a dot in two octets');
is($session->text('SELECT 1'), '1', '... and the session goes on');

done_testing();
