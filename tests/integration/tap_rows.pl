#!/usr/bin/perl
# The points of a program's TAP as rows [description, status], read by Perl's own reader: the oracle for ours.
# tap_rows.pl PROGRAM ARGUMENT...
use strict;
use warnings;
use JSON::PP ();
use TAP::Parser ();

my @rows;
my $parser = TAP::Parser->new({ exec => [@ARGV] });
while (my $result = $parser->next) {
    next unless $result->is_test;
    my $description = $result->description;
    $description =~ s/^- //;
    my $status
        = $result->has_skip ? 'skipped'
        : $result->has_todo ? ($result->is_actual_ok ? 'passed' : 'pending')
        : $result->is_ok    ? 'passed'
        :                     'failed';
    push @rows, [$description, $status];
}
die "broken TAP: @{[$parser->parse_errors]}\n" if $parser->parse_errors;
print JSON::PP->new->encode(\@rows);
