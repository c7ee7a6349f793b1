{{/*
TOML from values. Helm's own `toToml` prints 3.0 for 3, since YAML's numbers come to templates as 64-bit
floats, and a setting that is a whole number takes no 3.0. Here a float without a fraction is a whole number, which
settings that are fractions take too.

A null is a key that is not there. Refused are a null in a list, and whole numbers from 2^53 on: YAML may have
changed those already.
*/}}

{{/* A table and all below it; call with (dict "tree" … "path" "a.b", empty at the top). */}}
{{- define "aiex.toml.table" -}}
{{- $path := .path -}}
{{- $tables := dict -}}
{{- range $key, $value := .tree -}}
{{- $is := include "aiex.toml.kind" $value -}}
{{- if or (eq $is "table") (eq $is "tables") -}}
{{- $_ := set $tables $key $value -}}
{{- else if ne $is "null" }}
{{ include "aiex.toml.key" $key }} = {{ include "aiex.toml.value" (dict "value" $value "path" (printf "%s.%s" $path $key)) }}
{{- end -}}
{{- end -}}
{{- range $key, $value := $tables -}}
{{- $name := include "aiex.toml.key" $key -}}
{{- $below := ternary $name (printf "%s.%s" $path $name) (empty $path) -}}
{{- if eq (include "aiex.toml.kind" $value) "table" -}}
{{- $inside := include "aiex.toml.table" (dict "tree" $value "path" $below) -}}
{{- /* A table of nothing but tables is there by their names. */ -}}
{{- if not (hasPrefix "\n\n[" $inside) }}

[{{ $below }}]
{{- end -}}
{{- $inside -}}
{{- else -}}
{{- range $value }}

[[{{ $below }}]]
{{- include "aiex.toml.table" (dict "tree" . "path" $below) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* table, tables (a list of nothing else), null, or value. */}}
{{- define "aiex.toml.kind" -}}
{{- if kindIs "map" . -}}table
{{- else if kindIs "invalid" . -}}null
{{- else if and (kindIs "slice" .) (not (empty .)) -}}
{{- $is := "tables" -}}
{{- range . -}}{{- if not (kindIs "map" .) -}}{{- $is = "value" -}}{{- end -}}{{- end -}}
{{- $is -}}
{{- else -}}value
{{- end -}}
{{- end -}}

{{- define "aiex.toml.key" -}}
{{- if regexMatch "^[A-Za-z0-9_-]+$" . -}}{{- . -}}{{- else -}}{{- include "aiex.toml.string" . -}}{{- end -}}
{{- end -}}

{{/*
JSON's escapes are TOML's. What JSON lets through and TOML or YAML does not take as it is (controls, and what YAML may
read as the end of a line) gets one too; Go writes DEL in a way of its own.
*/}}
{{- define "aiex.toml.string" -}}
{{- $text := toRawJson . -}}
{{- range regexFindAll "[\\x{7f}-\\x{9f}\\x{2028}\\x{2029}\\x{feff}\\x{fffe}\\x{ffff}]" $text -1 | uniq -}}
{{- $text = replace . (printf "%+q" . | trimAll "\"" | replace "\\x" "\\u00") $text -}}
{{- end -}}
{{- $text -}}
{{- end -}}

{{/* A value on one line; call with (dict "value" … "path" what a refusal names). */}}
{{- define "aiex.toml.value" -}}
{{- $value := .value -}}
{{- $path := .path | trimPrefix "." -}}
{{- if kindIs "string" $value -}}
{{- include "aiex.toml.string" $value -}}
{{- else if kindIs "bool" $value -}}
{{- $value -}}
{{- else if kindIs "float64" $value -}}
{{- if ne (floor $value) $value -}}
{{- $value -}}
{{- else if or (ge $value 9007199254740992.0) (le $value -9007199254740992.0) -}}
{{- fail (printf "settings.%s: %.0f is not below 2^53, where YAML's whole numbers are exact. Give it in extraEnv, or choose a smaller one." $path $value) -}}
{{- else -}}
{{- printf "%.0f" $value -}}
{{- end -}}
{{- else if kindIs "int64" $value -}}
{{- printf "%d" $value -}}
{{- else if kindIs "int" $value -}}
{{- printf "%d" $value -}}
{{- else if kindIs "slice" $value -}}
{{- $parts := list -}}
{{- range $index, $part := $value -}}
{{- $parts = append $parts (include "aiex.toml.value" (dict "value" $part "path" (printf "%s[%d]" $path $index))) -}}
{{- end -}}
[{{ join ", " $parts }}]
{{- else if kindIs "map" $value -}}
{{- $parts := list -}}
{{- range $key, $part := $value -}}
{{- if not (kindIs "invalid" $part) -}}
{{- $parts = append $parts (printf "%s = %s" (include "aiex.toml.key" $key) (include "aiex.toml.value" (dict "value" $part "path" (printf "%s.%s" $path $key)))) -}}
{{- end -}}
{{- end -}}
{ {{- join ", " $parts -}} }
{{- else if kindIs "invalid" $value -}}
{{- fail (printf "settings.%s: TOML has no null. Leave it out of the list." $path) -}}
{{- else -}}
{{- fail (printf "settings.%s: a %s is no value of a setting." $path (kindOf $value)) -}}
{{- end -}}
{{- end -}}
