# Endless floods that answer no question: labels for Behaviour.pm. Each lasts until
# the client has closed its socket.

package Flood;

use strict;
use warnings;
use Answer;
use Wire;

our %label = (
	# Over UDP; over TCP all of these have an answer
	floodforeign => sub { over_udp($_[0], message_of($_[0], id => $_[0]{id} ^ 0x5555)) },
	floodempty => sub { over_udp($_[0], '') },
	floodjunk => sub { over_udp($_[0], garbage($_[0], 600)) },
	floodbare => sub { over_udp($_[0], message_of($_[0], rcode => 5, answer => [], question => '', no_opt => 1)) },
	floodother => sub { over_udp($_[0], message_of($_[0], question => Wire::name('other.example') . pack('n2', 1, 1))) },
	floodtc => sub { over_udp($_[0], message_of($_[0], tc => 1, answer => [])) },
	floodfail => sub { over_udp($_[0], message_of($_[0], rcode => 2, answer => [])) },

	# Over TCP; over UDP all of these are truncated: frames of no octets, of too few, for
	# another query, of a failure, and one that is long in coming, octet by octet
	tcpfloodempty => sub { stream($_[0], "\0\0") },
	tcpfloodshort => sub { stream($_[0], pack('n/a*', 'short')) },
	tcpfloodforeign => sub { stream($_[0], encoded_frame(message_of($_[0], id => $_[0]{id} ^ 0x5555))) },
	tcpfloodfail => sub { stream($_[0], encoded_frame(message_of($_[0], rcode => 2, answer => []))) },
	tcpfloodlong => sub { stream($_[0], pack('n/a*', "\0" x 65535)) },
	tcpdrip => sub { over_tcp($_[0], { frame => "\xff", drip => 1 }) },
);

sub over_udp
{
	my ($query, $message) = @_;
	return $query->{transport} eq 'udp' ? { message => $message, flood => 1 } : answer($query);
}

sub stream
{
	my ($query, $frame) = @_;
	return over_tcp($query, { frame => $frame, flood => 1 });
}

1;
