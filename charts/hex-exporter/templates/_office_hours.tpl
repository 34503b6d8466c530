{{/*
The resource knows no time zone: hours of a zone are given in UTC, month by month, as the zone has them in its middle.
Takes a list of the zone and an interval in its local time, of one span from Monday to Friday; gives intervals in JSON.
*/}}
{{- define "inUtc" -}}
{{- $zone := index . 0 }}
{{- $span := index (index . 1).times 0 }}
{{- $offsets := list }}
{{- $months := dict }}
{{- range $month := untilStep 1 13 1 }}
{{- $day := toDate "2006-1-2 15:04 -0700" (printf "%s-%d-15 12:00 +0000" (now | date "2006") $month) }}
{{- /* Helm takes UTC, without a word, for a zone that it does not know. */}}
{{- if and (eq (dateInZone "MST" $day $zone) "UTC") (not (regexMatch "^(Etc/)?(UTC|UCT|Universal|Zulu)$" $zone)) }}
{{- fail (printf "config.week.timezone: Helm finds no time zone %s on this machine; install tzdata, or set alertmanagerConfig: false" $zone) }}
{{- end }}
{{- $offset := dateInZone "-0700" $day $zone }}
{{- $offsets = append $offsets $offset | uniq }}
{{- $_ := set $months $offset (append (get $months $offset | default list) (toString $month)) }}
{{- end }}
{{- $intervals := list }}
{{- range $offset := $offsets }}
{{- $minutes := add (mul 60 (substr 1 3 $offset | trimPrefix "0" | int)) (substr 3 5 $offset | trimPrefix "0" | int) }}
{{- $ahead := hasPrefix "-" $offset | ternary (mul -1 $minutes) $minutes }}
{{- $start := sub (include "minutes" $span.startTime | int) $ahead | int }}
{{- $end := sub (include "minutes" $span.endTime | int) $ahead | int }}
{{- range $index, $days := list "sunday:thursday" "monday:friday" "tuesday:saturday" }}
{{- $midnight := mul 1440 (sub $index 1) | int }}
{{- $first := max 0 (sub $start $midnight) | int }}
{{- $last := min 1440 (sub $end $midnight) | int }}
{{- if lt $first $last }}
{{- $times := list (dict "startTime" (include "clock" $first) "endTime" (include "clock" $last)) }}
{{- $intervals = append $intervals (dict "times" $times "weekdays" (list $days) "months" (get $months $offset)) }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $intervals }}
{{- end }}

{{- define "minutes" -}}
{{- $parts := splitList ":" . }}
{{- add (mul 60 (index $parts 0 | trimPrefix "0" | int)) (index $parts 1 | trimPrefix "0" | int) }}
{{- end }}

{{- define "clock" -}}
{{ printf "%02d:%02d" (div . 60) (mod . 60) }}
{{- end }}
