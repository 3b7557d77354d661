#!/usr/bin/perl
#
# plant.pl FILE PATTERN REPLACEMENT - replaces the pattern, which the file has once
#
# Exits with 2 if the file has it not once.

use strict;
use warnings;

my ($file, $pattern, $replacement) = @ARGV;
s/\\t/\t/g, s/\\n/\n/g for $pattern, $replacement;
open my $in, '<', $file or exit 2;
my $text = join '', <$in>;
close $in;
my $count = () = $text =~ /\Q$pattern\E/g;
exit 2 if $count != 1;
$text =~ s/\Q$pattern\E/$replacement/;
open my $out, '>', $file or die "$file: $!\n";
print $out $text;
close $out or die "$file: $!\n";
