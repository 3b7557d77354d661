# Statements of docs/ that a test of their own runs. A comment above a block names the
# test, and says what the block is:
#
#   <!-- run by test/t/module_nodes.pl: fdw node -->
#   ```sql
#
#   my $page = Document->new('several-machines.md');
#   $page->blocks('fdw node')           the statements of each such block, in order
#   $page->block('fdw plan')            those of the only one
#   $page->output('fdw plan')           the output that the page shows for it
#   Document::statements($block)        its statements, one by one
#
# A block that is no output of statements has a comment, too:
#
#   <!-- compared by test/t/lookup_slow_log.pl: log line -->
#
#   $page->text('log line')             the block

package Document;

use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Utils;

sub new
{
	my ($class, $name) = @_;
	my $text = slurp_file("$FindBin::RealBin/../../docs/$name");
	my @blocks;

	push @blocks, { mark => $1, sql => $2, output => $3 // '' }
	  while $text =~ /^<!-- run by \S+: (.+?) -->\n```sql\n(.*?)^```\n(?:\n```\n(.*?)^```\n)?/msg;
	return bless { name => $name, blocks => \@blocks, texts => { $text =~ /^<!-- compared by \S+: (.+?) -->\n```\n(.*?)^```$/msg } }, $class;
}

sub text
{
	my ($self, $mark) = @_;

	return $self->{texts}{$mark} // die "docs/$self->{name} has no block \"$mark\"\n";
}

sub marked
{
	my ($self, $mark) = @_;
	my @blocks = grep { $_->{mark} eq $mark } @{ $self->{blocks} };

	die "docs/$self->{name} has no block \"$mark\"\n" if !@blocks;
	return @blocks;
}

sub blocks
{
	my ($self, $mark) = @_;
	return map { $_->{sql} } $self->marked($mark);
}

sub block
{
	my ($self, $mark) = @_;
	my @blocks = $self->blocks($mark);

	die "docs/$self->{name} has several blocks \"$mark\"\n" if @blocks > 1;
	return $blocks[0];
}

sub output
{
	my ($self, $mark) = @_;
	my ($block) = $self->marked($mark);

	return $block->{output};
}

# A statement ends with a semicolon at the end of a line, unless that is within $$.
sub statements
{
	my ($sql) = @_;
	my @statements = ('');

	foreach my $line (split /^/, $sql)
	{
		$statements[-1] .= $line;
		push @statements, '' if $line =~ /;\s*(--.*)?$/ && ($statements[-1] =~ s/\$\$/\$\$/g || 0) % 2 == 0;
	}
	return grep { /\S/ } @statements;
}

1;
