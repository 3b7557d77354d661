# A picture of results, as SVG: rows, and for each of them a bar and dots, both on
# logarithmic scales.
#
#   my $plot = Plot->new($width, $height);
#   $plot->bars(title => ..., left => ..., width => ..., bars => [ [ 'name', 12.5 ], ... ]);
#   $plot->dots(title => ..., left => ..., width => ..., series => [ 'name', ... ],
#               rows => [ [ 12.5, undef, ... ], ... ]);
#   print $plot->text;

package Plot;

use strict;
use warnings;
use List::Util qw(max min);
use POSIX qw(ceil floor);

use constant { TOP => 60, ROW => 24 };

# Colours that differ in brightness too
my @colours = map { "#$_" } qw(0b3c5d 328cc1 d9b310 c0392b 7f8c8d);

sub new
{
	my ($class, $width, $height) = @_;

	return bless {
		height => $height,
		lines => [
			qq(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $width $height" font-family="sans-serif" font-size="12">),
			qq(<rect width="$width" height="$height" fill="white"/>) ]
	}, $class;
}

sub text
{
	my ($self) = @_;
	return join "\n", @{ $self->{lines} }, "</svg>\n";
}

# A bar for each row, its name to the left and its length beside it
sub bars
{
	my ($self, %panel) = @_;
	my @bars = @{ $panel{bars} };
	my $place = $self->axis(\%panel, map { $_->[1] // () } @bars);

	foreach my $row (0 .. $#bars)
	{
		my ($name, $value) = @{ $bars[$row] };
		my $y = TOP + ROW * $row;

		$self->write($panel{left} - 8, $y + 15, $name, 'end');
		next if !defined $value;
		my $length = sprintf '%.1f', $place->($value) - $panel{left};
		my $colour = $name =~ /^(dns_|LATERAL)/ ? $colours[1] : $colours[4];
		$self->line(qq(<rect x="$panel{left}" y="@{[$y + 4]}" width="$length" height="14" fill="$colour"/>));
		$self->write($panel{left} + $length + 5, $y + 15, sprintf '%.*f', $value < 100 ? 1 : 0, $value);
	}
}

# Dots on each row, a colour for each series
sub dots
{
	my ($self, %panel) = @_;
	my @rows = @{ $panel{rows} };
	my $place = $self->axis(\%panel, map { grep { defined } @$_ } @rows);
	my $x = $panel{left};

	foreach my $series (0 .. $#{ $panel{series} })
	{
		$self->dot($x, 32, $series);
		$self->write($x + 8, 36, $panel{series}[$series]);
		$x += 20 + 6.2 * length $panel{series}[$series];
	}
	foreach my $row (0 .. $#rows)
	{
		my $y = TOP + ROW * $row + 11;

		$self->line(qq(<path d="M$panel{left} ${y}h$panel{width}" stroke="#eee"/>));
		foreach my $series (0 .. $#{ $rows[$row] })
		{
			$self->dot($place->($rows[$row][$series]), $y, $series) if defined $rows[$row][$series];
		}
	}
}

# Draws the scale that has room for these values; returns a function from value to place
sub axis
{
	my ($self, $panel, @values) = @_;
	my ($from, $to) = @values ? (floor(log10(min @values)), ceil(log10(max @values))) : (0, 1);
	my $place = sub { $panel->{left} + $panel->{width} * (log10($_[0]) - $from) / ($to - $from || 1) };
	my $bottom = $self->{height} - 26;

	$self->line(qq(<text x="$panel->{left}" y="16" font-weight="bold">$panel->{title}</text>));
	foreach my $power ($from .. $to)
	{
		my $x = sprintf '%.1f', $place->(10**$power);

		$self->line(qq(<path d="M$x ${\TOP}V$bottom" stroke="#ccc"/>));
		$self->write($x, $bottom + 16, 10**$power, 'middle');
	}
	return $place;
}

sub log10
{
	return log($_[0]) / log 10;
}

sub dot
{
	my ($self, $x, $y, $series) = @_;

	$self->line(sprintf '<circle cx="%.1f" cy="%d" r="4.5" fill="%s"/>', $x, $y, $colours[$series]);
}

sub write
{
	my ($self, $x, $y, $text, $anchor) = @_;

	$text =~ s/([&<>])/'&#' . ord($1) . ';'/ge;
	$self->line(sprintf '<text x="%.1f" y="%d"%s>%s</text>', $x, $y, $anchor ? qq( text-anchor="$anchor") : '', $text);
}

sub line
{
	my ($self, $line) = @_;
	push @{ $self->{lines} }, $line;
}

1;
