# Property: the library exports its entry points and nothing else, loads no other library
# than those that it needs, and has the version of the control file. In the sources, code
# that runs inside c-ares neither raises nor allocates from a memory context, and only
# compat.h asks for versions.

use strict;
use warnings;

use File::Basename qw(basename);
use FindBin;
use IPC::Run ();
use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;

my $root = "$FindBin::RealBin/../..";

# The name server does not exist: no call here needs one.
my $node = Session->cluster([ '127.0.0.1:' . NameServer->closed_port ]);
my $session = Session->new($node);

# The output of a program, or nothing if there is no such program
sub output_of
{
	my @command = @_;
	my ($output, $errors) = ('', '');

	return eval { IPC::Run::run(\@command, '>', \$output, '2>', \$errors) } ? $output : undef;
}

# ---- The library that is loaded

my $version = $session->text('SELECT dns_version()');
my ($library) = slurp_file('/proc/' . $session->pid . '/maps') =~ m{(/\S*/pgcares\.so)$}m;
ok(defined $library, 'the backend has loaded the library');

SKIP:
{
	my $table = output_of('nm', '-D', '--defined-only', $library);
	skip 'there is no program "nm"', 5 if !defined $table;
	my %symbol = map { (split)[2] => 1 } split /\n/, $table;
	my %info = map { /^pg_finfo_(.*)/ ? ($1 => 1) : () } keys %symbol;
	my @functions = split /\n/, $session->text("SELECT DISTINCT prosrc FROM pg_proc WHERE probin LIKE '%pgcares%'");

	ok($symbol{$_}, "$_ is exported") foreach qw(Pg_magic_func _PG_init);
	is_deeply([ grep { !/^(Pg_magic_func|_PG_init|pg_finfo_pgcares_\w+|pgcares_\w+)$/ } sort keys %symbol ],
		[], 'nothing else is exported, in particular no symbol of c-ares');
	is_deeply([ sort keys %info ], [ sort grep { /^pgcares_/ } keys %symbol ], 'each function has its pg_finfo');
	is_deeply([ sort keys %info ], [ sort @functions ], '... and is a function in SQL');
}

SKIP:
{
	my $table = output_of('ldd', $library);
	skip 'there is no program "ldd"', 2 if !defined $table;
	skip 'the sanitizers are libraries too', 2 if ($ENV{PGCARES_WATCHED} // '') eq 'sanitizers';
	my @libraries = map { basename((split)[0]) } split /\n/, $table;
	my $expected = qr/^(linux-vdso|ld-linux[\w-]*|libc|libidn2|libunistring|libcares)\.so\.\d+$/;

	is_deeply([ grep { !/$expected/ } @libraries ], [], 'no other library is loaded');
	ok(scalar(grep { /^libidn2/ } @libraries), '... and libidn2 is');
}

# ---- Versions

my ($default) = slurp_file("$root/pgcares.control") =~ /^default_version\s*=\s*'(.+)'/m;
my ($shown, $cares) = $version =~ /^pgcares (\S+), c-ares (\d+\.\d+\.\d+)$/;

is($shown, $default, 'dns_version() shows the version of the control file');
is($session->text("SELECT extversion FROM pg_extension WHERE extname = 'pgcares'"), $default, 'the catalog has it too');
ok(sprintf('%03d%03d%03d', split /\./, $cares) ge '001034009', 'c-ares is not older than 1.34.9');

# ---- Sources

# A source without comments and strings, but with all lines
sub code_of
{
	my ($file) = @_;
	my $code = slurp_file($file);

	$code =~ s{(/\*.*?\*/)|"(?:[^"\\\n]|\\.)*"}{my $comment = $1 // ''; $comment =~ s/[^\n]//g; $comment}gse;
	return $code;
}

# Lines with one of these words, as file:line: text
sub lines_with
{
	my ($pattern, @files) = @_;
	my @found;

	foreach my $file (@files)
	{
		my $number = 0;
		push @found, map { $number++; /$pattern/ ? basename($file) . ":$number: $_" : () } split /\n/, code_of($file);
	}
	return \@found;
}

my @sources = glob "$root/src/*.[ch] $root/src/*/*.[ch]";
my @inside = (glob("$root/src/statistics/tallies.c $root/src/flow/*.c $root/src/flight/*.c $root/src/transport/*.c"), map { "$root/src/$_.c" } qw(dns/message dns/rdata dns/sound system/memory system/pool));
my $asks_version = qr/\b(PG_VERSION\w*|PG_MAJORVERSION\w*|CATALOG_VERSION_NO|ARES_VERSION\w*|__GLIBC\w*)\b/;
my $raises = qr/\b(ereport\w*|elog|errmsg\w*|PG_TRY|PG_RE_THROW|CHECK_FOR_INTERRUPTS)\b/;
my $allocates =
  qr/\b(re)?palloc\w*|\b(pfree|pstrdup|pnstrdup|psprintf|MemoryContext\w*|StringInfo\w*|append\w+|list_\w+)\b/;

my $calls_back = qr/\bares_\w+\s*\(/;

cmp_ok(scalar @sources, '>', 15, 'the sources are found');
my ($compat, @others) = ("$root/src/system/compat.h", grep { basename($_) ne 'compat.h' } @sources);
is_deeply(lines_with($asks_version, @others), [], 'only compat.h asks for versions');
cmp_ok(scalar @{ lines_with($asks_version, $compat) }, '>', 2, '... and does');
is_deeply(lines_with($raises, @inside), [], 'code that runs inside the library does not raise');
is_deeply(lines_with($allocates, @inside), [], '... nor allocate from a memory context');
is_deeply(lines_with($calls_back, grep { basename($_) ne 'memory.c' } @inside), [], '... nor call the library');
is(scalar @{ lines_with($calls_back, "$root/src/system/memory.c") }, 1, '... except for the one call that gives it memory');
foreach my $pattern ($raises, $allocates, $calls_back)
{
	cmp_ok(scalar @{ lines_with($pattern, "$root/src/engine/window.c") }, '>', 0, '... but window.c does');
}

# The callback in window.c
my ($callback) = code_of("$root/src/engine/window.c") =~ /^answer_arrived\(.*?\)\n(\{.*?^\})/ms;
ok(defined $callback, 'the callback is found');
unlike($callback // '', $_, '... and follows the same rules') foreach $raises, $allocates, $calls_back;

done_testing();
