{{/* Parts of NATS: names, sizes, the server's configuration. */}}

{{- define "aiex.nats.image" -}}
{{- if .Values.nats.image.digest -}}
{{- printf "%s@%s" .Values.nats.image.repository .Values.nats.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.nats.image.repository .Values.nats.image.tag -}}
{{- end -}}
{{- end -}}

{{- define "aiex.nats.tlsSecret" -}}
{{- default (printf "%s-nats-tls" (include "aiex.fullname" .)) .Values.nats.tls.existingSecret -}}
{{- end -}}

{{- define "aiex.nats.authSecret" -}}
{{- default (printf "%s-nats-auth" (include "aiex.fullname" .)) .Values.nats.auth.existingSecret -}}
{{- end -}}

{{/* All names that servers are reached at, as a YAML list: by clients at the Service, by each other at their pods. */}}
{{- define "aiex.nats.dnsNames" -}}
{{- $client := printf "%s-nats" (include "aiex.fullname" .) -}}
{{- $headless := printf "%s-headless" $client -}}
{{- $namespace := .Release.Namespace -}}
{{- range $name := list $client $headless (printf "*.%s" $headless) }}
- {{ $name | quote }}
- {{ printf "%s.%s" $name $namespace | quote }}
- {{ printf "%s.%s.svc" $name $namespace | quote }}
- {{ printf "%s.%s.svc.%s" $name $namespace $.Values.nats.clusterDomain | quote }}
{{- end }}
{{- /* OpenSSL takes no wildcard with a single label after it. */}}
{{- range $index := until (int .Values.nats.replicas) }}
- {{ printf "%s-%d.%s" $client $index $headless | quote }}
{{- end }}
- localhost
{{- end -}}

{{/* A quantity of bytes as a whole number; call with (dict "quantity" "10Gi" "value" "nats.volume.size"). */}}
{{- define "aiex.nats.bytes" -}}
{{- $units := dict "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 -}}
{{- $quantity := toString .quantity -}}
{{- if not (regexMatch "^[0-9]+([.][0-9]+)?(k|M|G|T|Ki|Mi|Gi|Ti)?$" $quantity) -}}
{{- fail (printf "%s: %s is no size. Write it as 10Gi." .value $quantity) -}}
{{- end -}}
{{- $number := regexFind "^[0-9.]+" $quantity -}}
{{- printf "%.0f" (mulf (float64 $number) (get $units (trimPrefix $number $quantity))) -}}
{{- end -}}

{{/* A share of it; "ratio" is below 1. */}}
{{- define "aiex.nats.share" -}}
{{- printf "%.0f" (floor (mulf (float64 (include "aiex.nats.bytes" .)) .ratio)) -}}
{{- end -}}

{{/*
The configuration. What is secret comes from the environment ($…), quoted there. Intervals are those that were measured
with three servers: a peer that is gone is noticed in two seconds, and a server that was away is asked for, for ever.
`sync_interval: always`: what is acknowledged is on the discs, so a power cut of all servers loses nothing.
A store that was written alone is deleted by a server with a cluster block; so the two never share a directory.
`0.0.0.0` is every address to nats-server, of IPv6 too.
*/}}
{{- define "aiex.nats.config" -}}
{{- $nats := .Values.nats -}}
server_name: $SERVER_NAME
listen: "0.0.0.0:4222"
http: "0.0.0.0:8222"
pid_file: "/run/nats/nats.pid"
max_payload: 8MB
ping_interval: 1s
ping_max: 2
write_deadline: 5s
# Leaders and clients go elsewhere, ten seconds later connections are closed one by one.
lame_duck_grace_period: 10s
lame_duck_duration: 30s
{{- if $nats.tls.enabled }}
tls {
  cert_file: "/etc/nats/tls/tls.crt"
  key_file: "/etc/nats/tls/tls.key"
  ca_file: "/etc/nats/tls/ca.crt"
  timeout: 5
}
{{- end }}
{{- if gt (int $nats.replicas) 1 }}
cluster {
  name: {{ printf "%s-nats" (include "aiex.fullname" .) | quote }}
  listen: "0.0.0.0:6222"
  advertise: $ADVERTISE
  authorization {
    user: route
    password: $ROUTE_PASS
    timeout: 5
  }
  routes: [{{ range $index := until (int $nats.replicas) }}{{ if $index }}, {{ end }}$ROUTE_{{ $index }}{{ end }}]
  # Clients come by the Service's name, which is in the certificate.
  no_advertise: true
  connect_retries: 1000000
  ping_interval: 1s
  ping_max: 2
  {{- if $nats.tls.enabled }}
  tls {
    cert_file: "/etc/nats/tls/tls.crt"
    key_file: "/etc/nats/tls/tls.key"
    ca_file: "/etc/nats/tls/ca.crt"
    verify: true
    timeout: 5
  }
  {{- end }}
}
{{- end }}
system_account: SYS
accounts {
  SYS { users: [{user: system, password: $SYSTEM_PASS}] }
  AIEX {
    jetstream: enabled
    users: [{user: $ENGINE_LOGIN, password: $ENGINE_PASS}]
  }
}
jetstream {
  store_dir: {{ ternary "/data/cluster" "/data/alone" (gt (int $nats.replicas) 1) | quote }}
  sync_interval: always
  # A tenth of the volume is left to what is not counted: Raft's own logs, snapshots on their way.
  max_file_store: {{ include "aiex.nats.share" (dict "quantity" $nats.volume.size "ratio" 0.9 "value" "nats.volume.size") }}
  max_memory_store: {{ include "aiex.nats.share" (dict "quantity" $nats.resources.limits.memory "ratio" 0.25 "value" "nats.resources.limits.memory") }}
}
{{- end -}}

{{/*
Environment of a server. NATS reads a variable as if it stood in the file, where a password of digits is a number; so
each stands in quotes under a name of its own. Kubernetes fills in the $(…).
*/}}
{{- define "aiex.nats.env" -}}
{{- $pod := printf "%s-nats" (include "aiex.fullname" .) -}}
{{- $login := include "aiex.secrets.name" . -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: SERVER_NAME
  value: "'$(POD_NAME)'"
{{- $auth := include "aiex.nats.authSecret" . -}}
{{- range list (list $login "engine-user" "ENGINE_LOGIN") (list $login "engine-password" "ENGINE_PASS") (list $auth "system-password" "SYSTEM_PASS") (list $auth "route-password" "ROUTE_PASS") }}
{{- $name := index . 1 | upper | replace "-" "_" }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ index . 0 }}
      key: {{ index . 1 }}
- name: {{ index . 2 }}
  value: "'$({{ $name }})'"
{{- end }}
{{- if gt (int .Values.nats.replicas) 1 }}
- name: ADVERTISE
  value: "'$(POD_NAME).{{ $pod }}-headless:6222'"
{{- range $index := until (int .Values.nats.replicas) }}
- name: ROUTE_{{ $index }}
  value: "'nats-route://route:$(ROUTE_PASSWORD)@{{ $pod }}-{{ $index }}.{{ $pod }}-headless:6222'"
{{- end }}
{{- end }}
- name: GOMEMLIMIT
  value: {{ include "aiex.nats.share" (dict "quantity" .Values.nats.resources.limits.memory "ratio" 0.8 "value" "nats.resources.limits.memory") | quote }}
{{- end -}}

{{/*
Startup waits until a server has all it should keep, so that a rolling update stops no other before, and liveness is not
asked during recovery. Then it is ready while its JetStream is on, with a quorum or without: messages pass either way,
and a node needs somebody to ask. It lives while it answers at all: a disc that is full is not mended by restarts.
*/}}
{{- define "aiex.nats.probes" -}}
startupProbe:
  httpGet:
    path: /healthz
    port: monitor
  {{- toYaml .Values.nats.probes.startup | nindent 2 }}
readinessProbe:
  httpGet:
    path: /healthz?js-enabled-only=true
    port: monitor
  {{- toYaml .Values.nats.probes.readiness | nindent 2 }}
livenessProbe:
  httpGet:
    path: /
    port: monitor
  {{- toYaml .Values.nats.probes.liveness | nindent 2 }}
{{- end -}}
