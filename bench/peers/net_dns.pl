#!/usr/bin/perl
#
# Looks up names with Net::DNS, one after the other, in the way of its manual:
#
#   net_dns.pl PORT < NAMES
#
# prints the answers, and the seconds: all, in user space, in the kernel.

use strict;
use warnings;
use Time::HiRes qw(time);

# Runs only where Net::DNS is installed.
require Net::DNS;

my ($port) = @ARGV;
my $resolver = Net::DNS::Resolver->new(nameservers => ['127.0.0.1'], port => $port, persistent_udp => 1);
my $answers = 0;
chomp(my @names = <STDIN>);

my @before = (time, times);
foreach my $name (@names)
{
	my $answer = $resolver->send($name, 'A') or next;
	my ($record) = $answer->answer;
	$answers++ if $record && $record->address;
}
my @after = (time, times);
printf "%d %s\n", $answers, join ' ', map { $after[$_] - $before[$_] } 0 .. 2;
