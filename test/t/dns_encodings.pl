# Property: in a database of any encoding, text from an answer shows exactly which octets
# came: names and rdata in printable ASCII, other data as it was sent if it is text in
# that encoding, which UTF-8 has too; and names that users write in it are asked as the
# right A-labels. Each column of text that a type of the extension has is in a table here.
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

# Labels in the encodings that have all tests
my %written;

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

# ---- Each column of text, in all encodings

# Columns of data: a type, and the octets around the data; "string" has a length
my %data = (
	'dns_caa_record.tag' => [ 'CAA', "\0", 'string', 'x' ],
	'dns_caa_record.value' => [ 'CAA', "\0\5issue", 'rest', '' ],
	'dns_hinfo_record.cpu' => [ 'HINFO', '', 'string', "\0" ],
	'dns_hinfo_record.os' => [ 'HINFO', "\0", 'string', '' ],
	'dns_naptr_record.flags' => [ 'NAPTR', pack('n2', 1, 2), 'string', "\0\0\0" ],
	'dns_naptr_record.services' => [ 'NAPTR', pack('n2 C', 1, 2, 0), 'string', "\0\0" ],
	'dns_naptr_record.regexp' => [ 'NAPTR', pack('n2 C2', 1, 2, 0, 0), 'string', "\0" ],
	'dns_txt_record.txt' => [ 'TXT', '', 'string', '' ],
	'dns_uri_record.target' => [ 'URI', pack('n2', 1, 2), 'rest', '' ]);

# The same in jsonb, where it has no column
my %member = (
	psdn_address => [ 'X25', '', 'string', '' ], isdn_address => [ 'ISDN', '', 'string', '' ], sa => [ 'ISDN', "\0", 'string', '' ],
	longitude => [ 'GPOS', '', 'string', "\0\0" ], latitude => [ 'GPOS', "\0", 'string', "\0" ], altitude => [ 'GPOS', "\0\0", 'string', '' ],
	media_type => [ 'DOA', "\0" x 9, 'string', '' ], 'params,dohpath' => [ 'SVCB', "\0\1\0\0\7", 'long', '' ],
	'params,alpn,0' => [ 'SVCB', "\0\1\0\0\1", 'alpn', '' ], (map { ("$_-strings,0" => [ $_, '', 'string', '' ]) } qw(SPF AVC NINFO RESINFO WALLET CLA)));

# Columns of names
my %name_column = (
	'dns_cname_record.cname' => [ 'CNAME', '' ], 'dns_mx_record.exchange' => [ 'MX', "\0\1" ],
	'dns_naptr_record.replacement' => [ 'NAPTR', pack('n2 C3', 1, 2, 0, 0, 0) ], 'dns_ns_record.nsdname' => [ 'NS', '' ],
	'dns_ptr_record.ptrdname' => [ 'PTR', '' ], 'dns_soa_record.mname' => [ 'SOA', '', "\0" x 21 ],
	'dns_soa_record.rname' => [ 'SOA', "\0", "\0" x 20 ], 'dns_srv_record.target' => [ 'SRV', "\0" x 6 ],
	'dns_svcb_record.target' => [ 'SVCB', "\0\1" ]);

# Columns of what sessions share, with words and names as the other columns have them;
# cache_answers.pl and statistics_views.pl show them
my @shared = ((map { "dns_cache_record.$_" } qw(question type class status)),
	'dns_type_statistics_record.type', 'dns_progress_record.kind');

# Columns of words, rdata, questions and hosts, and a call that shows them: in printable
# ASCII
my %others = (
	'dns_types()' => [ map { "dns_type_record.$_" } qw(type meaning) ],
	'dns_statuses()' => [ map { "dns_status_record.$_" } qw(status sqlstate message ares_name) ],
	'dns_stats()' => [ map { "dns_stats_record.$_" } qw(counter meaning) ],
	'dns_servers()' => [ map { "dns_server_record.$_" } qw(interface source) ],
	"dns_query('nameall.example', 'PTR')" => [ map { "dns_record.$_" } qw(name class type rdata) ],
	"dns_query_many('{nameall.example,nodata.example}', 'PTR')" => [ map { "dns_query_many_record.$_" } qw(question status reason name class type rdata) ],
	"dns_addresses_many('{nodata.example,sound.example}')" => [ map { "dns_addresses_many_record.$_" } qw(question status reason) ],
	"dns_lookup_many('{nodata.example,sound.example}')" => [ map { "dns_lookup_many_record.$_" } qw(question status reason) ],
	"dns_reverse_many('{10.0.0.4}')" => [ map { "dns_reverse_many_record.$_" } qw(question status reason ptrdname) ],
	"dns_ptr_many('{10.0.0.4}')" => [ map { "dns_ptr_many_record.$_" } qw(question status reason ptrdname) ],
	"dns_message('nodata.example')" => [ map { "dns_message_record.$_" } qw(question status reason server transport) ],
	"dns_message_many('{nodata.example}')" => [ map { "dns_message_many_record.$_" } qw(question status reason server transport) ],
	"dns_edns_options((SELECT wire FROM dns_message('edehigh.example')))" => ['dns_edns_option_record.option'],
	"dns_getaddrinfo('open2.sound.example', flags => '{canonname}')" => [ map { "dns_addrinfo_record.$_" } qw(canonname cnames) ],
	"dns_gethostbyaddr('10.0.0.4')" => [ map { "dns_host_record.$_" } qw(name aliases) ],
	"dns_getnameinfo('10.0.0.4', 25)" => [ map { "dns_nameinfo_record.$_" } qw(node service) ]);

# Texts of a server in messages: check_columns()
my @of_server = map { ("dns_message_record.$_", "dns_message_many_record.$_") } qw(nsid ede_text);

# Octets for each of the columns, among them texts of many encodings; single octets
my @single = map { chr } 128 .. 255;
my @samples = ((map { join '', map { chr } 16 * $_ .. 16 * $_ + 15 } 0 .. 15), 'a\\b', "caf\xc3\xa9", "caf\xe9", "\xa4\xa2",
	"\x8f\xab\xe4", "\x8f\xa1\xa1", "\xb0\xa1", "\xa1\xa1\xfe\xfe", "\xe6\x97\xa5", "\xf0\x9f\x98\x80", "cut \xe6\x97", "nul\0\\", "\\\xff\\\xc3\xa9\\",
	"\xed\xa0\x80", "\x81\x40", "\x8e\xa2\xa1\xa1");

# Columns of text and jsonb in the types of the extension
sub text_columns
{
	return split /\n/, $session->text(<<'SQL');
SELECT t.typname || '.' || attname
FROM pg_depend d JOIN pg_type t ON d.classid = 'pg_type'::regclass AND d.objid = t.oid JOIN pg_attribute a ON a.attrelid = t.typrelid
WHERE d.deptype = 'e' AND t.typtype = 'c' AND (SELECT relkind FROM pg_class c WHERE c.oid = t.typrelid) = 'c' AND a.attnum > 0 AND a.atttypid IN ('text'::regtype, 'text[]'::regtype)
SQL
}

# A label for data with these octets in it
sub label
{
	my ($octets, $type, $before, $form, $after) = @_;
	my %forms = (rest => 'a*', string => 'C/a*', long => 'n/a*', alpn => 'x');
	my $packed = $form eq 'alpn' ? pack('n/a*', pack 'C/a*', $octets) : pack $forms{$form}, $octets;

	return 'hex' . unpack 'H*', $before . $packed . ($after // '');
}

# Which samples are text that UTF-8 has too, as PostgreSQL itself sees it
sub texts
{
	my ($encoding) = @_;

	$session->text(<<"SQL");
CREATE FUNCTION is_text(octets bytea) RETURNS boolean LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM convert_from(octets, '$encoding');
	IF '$encoding' NOT IN ('SQL_ASCII', 'MULE_INTERNAL') THEN
		PERFORM convert(octets, '$encoding', 'UTF8');
	END IF;
	RETURN true;
EXCEPTION WHEN OTHERS THEN
	RETURN false;
END
\$\$
SQL
	return map { $_ => $session->text("SELECT is_text('\\x" . unpack('H*', $_) . "')") eq 't' } @samples, @single;
}

# A column of data: as it was sent if that is text, else with escapes that dns_unescape()
# reads. A client with UTF-8 can read it.
sub check_data
{
	my ($what, $value, $source, $is_text, @layout) = @_;
	my @octets = ($what =~ /dns_txt/ ? @single : (), @samples);
	my $values = join ', ', map { "('" . label($_, @layout) . "', '\\x" . unpack('H*', $_) . "'::bytea, " . ($is_text->{$_} ? 'true' : 'false') . ')' } @octets;

	$session->text("CREATE TEMPORARY TABLE sent AS SELECT octets, is_text, $value AS shown FROM (VALUES $values) AS v (label, octets, is_text), $source");
	my $result = $session->query(<<'SQL');
SELECT encode(octets, 'hex'), is_text, encode(convert_to(shown, getdatabaseencoding()), 'hex') FROM sent
WHERE CASE WHEN is_text THEN convert_to(shown, getdatabaseencoding()) ELSE dns_unescape(shown) END <> octets
	OR (is_text AND position('\x5c'::bytea IN octets) = 0 AND dns_unescape(shown) <> octets)
SQL
	is_deeply($result->{error} ? $result->{error}{M} : $result->{rows}, [], "$what shows the octets");
	is($session->text('SELECT count(shown) FROM sent'), scalar @octets, '... of all answers');
	if ($what !~ /^(?:SQL_ASCII|MULE)/)
	{
		$session->text("SET client_encoding = 'UTF8'");
		is($session->query('SELECT * FROM sent')->{error}{M}, undef, '... and a client with UTF-8 can read them');
		$session->text('RESET client_encoding');
	}
	$session->text('DROP TABLE sent');
}

sub check_all_columns
{
	my ($encoding) = @_;
	my %is_text = texts($encoding);

	is(join(' ', sort(text_columns())), join(' ', sort keys %data, keys %name_column, @of_server, @shared, map { @$_ } values %others), "$encoding: all columns of text are known");
	foreach my $column (sort keys %data)
	{
		my ($type, @layout) = @{ $data{$column} };
		my ($function, $name) = $column =~ /(.*)_record\.(.*)/;

		check_data("$encoding: $column", "r.$name", "$function(label || '.example') AS r", \%is_text, $type, @layout);
		check_data("$encoding: $name of $type in jsonb", "(r.data->>'$name')", "dns_query(label || '.example', '$type') AS r", \%is_text, $type, @layout);
	}
	foreach my $path ($written{$encoding} ? sort keys %member : ())
	{
		my ($type, @layout) = @{ $member{$path} };
		my $name = $path =~ s/.*-//r;

		check_data("$encoding: $name of $type in jsonb", "(r.data#>>'{$name}')", "dns_query(label || '.example', '$type') AS r", \%is_text, $type, @layout);
	}
	foreach my $column (sort keys %name_column)
	{
		my ($type, $before, $after) = @{ $name_column{$column} };
		my ($function, $name) = $column =~ /(.*)_record\.(.*)/;
		my @wrong;

		foreach my $label ("\xe9", "\x8f\xab\xe4", "a.b\\c", "\0 ")
		{
			my $wire = pack('C/a*', $label) . "\0";
			my $shown = value("SELECT $name FROM $function('" . label($wire, $type, $before, 'rest', $after) . ".example')");

			push @wrong, $shown if $shown !~ /^[ -~]+\z/ || Wire::name($shown) ne $wire;
		}
		is_deeply(\@wrong, [], "$encoding: $column shows the octets");
	}
	$session->text("SET pgcares.hosts_file = '$hosts'; SET pgcares.lookups = fb");
	foreach my $call (sort keys %others)
	{
		my $columns = join ' || ', map { my ($name) = /\.(.*)/; "coalesce($name\::text, '')" } @{ $others{$call} };
		my $result = $session->query("SELECT $columns FROM $call");
		my @shown = map { $_->[0] } @{ $result->{rows} };

		is_deeply([ @shown == 0 ? "no rows: $result->{error}{M}" : grep { !/^[ -~]+\z/ } @shown ], [], "$encoding: $call is printable ASCII");
	}
	$session->text('RESET pgcares.hosts_file; RESET pgcares.lookups');
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
%written = (
	UTF8 => \%utf8,
	SQL_ASCII => \%utf8,
	LATIN1 => { $german => "b\xfccher", $japanese => '22P05', $thai => '22P05' },
	EUC_JP => { $german => "b\x8f\xab\xe4cher", $japanese => "\xc6\xfc\xcb\xdc\xb8\xec", $thai => '22P05' });

@address{ $german, $japanese, $thai } = map { "10.0.0.$_" } 1 .. 3;
append_to_file($hosts, "$address{$_} $_.example\n") foreach keys %address;
append_to_file($hosts, "10.0.0.4 \xe9.example caf\xc3\xa9.example \x8f\xab\xe4.example plain.example\n");

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

# Each encoding that a server can have
foreach my $encoding (split /\n/, $node->safe_psql('postgres', 'SELECT name FROM generate_series(0, 34) AS code, pg_encoding_to_char(code) AS name'))
{
	my $database = lc $encoding;

	note($encoding);
	if (!$written{$encoding})
	{
		$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'");
		$node->safe_psql($database, 'CREATE EXTENSION pgcares');
	}
	$session = Session->new($node, dbname => $database, client_encoding => $encoding);
	check_all_columns($encoding);
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

# A client with UTF-8 can read why, too.
$session->text("SET client_encoding = 'UTF8'");
foreach my $written ('b\\374cher', '\\377\\376', 'a\\346\\227')
{
	my $reason = $session->text("SELECT reason FROM dns_query_many(ARRAY[E'$written.example'])");
	my $name = $written =~ s/\\([0-7]{3})/sprintf '\\%03d', oct $1/ger;

	is($reason, qq(could not look up A records of "$name.example": the text is not a domain name (BADNAME)), "SQL_ASCII, $written: the reason");
	is($session->sqlstate("SELECT * FROM dns_a(E'$written.example')"), 'NDA08', '... and the error');
}
is($session->text("SELECT reason FROM dns_query_many('{b\xc3\xbccher..example}')"),
	qq(could not look up A records of "b\xc3\xbccher..example": the text is not a domain name (BADNAME)), 'SQL_ASCII: text in UTF-8 is as it is');

done_testing();
