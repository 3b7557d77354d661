# Random decisions, which are the same each time for the same seed.

package Chance;

use strict;
use warnings;
use Digest::MD5 qw(md5);
use Exporter qw(import);

our @EXPORT = qw(seed chance number pick mostly);

# Seeds with a text; similar texts give unrelated numbers.
sub seed
{
	my ($text) = @_;
	srand unpack 'L', md5($text);
}

# True with this probability
sub chance
{
	my ($probability) = @_;
	return rand() < $probability;
}

# A number between two others, both included
sub number
{
	my ($from, $to) = @_;
	return $from + int rand($to - $from + 1);
}

# One of a list
sub pick
{
	return $_[ rand @_ ];
}

# One of a list of pairs of weight and value
sub mostly
{
	my @pairs = @_;
	my $left = 0;

	$left += $pairs[ 2 * $_ ] for 0 .. $#pairs / 2;
	$left = rand $left;
	while (@pairs > 2 && ($left -= $pairs[0]) >= 0)
	{
		splice @pairs, 0, 2;
	}
	return $pairs[1];
}

1;
