{{/* How a node reaches its engine: NATS of this release, or an external one. */}}

{{- define "aiex.engine.url" -}}
{{- if .Values.nats.enabled -}}
{{- ternary "tls" "nats" .Values.nats.tls.enabled }}://{{ include "aiex.fullname" . }}-nats:4222
{{- else -}}
{{- .Values.engine.external.url -}}
{{- end -}}
{{- end -}}

{{/* Secret with the files of TLS to it; empty where there are none. */}}
{{- define "aiex.engine.tlsSecret" -}}
{{- if not .Values.nats.enabled -}}
{{- .Values.engine.external.tls.existingSecret -}}
{{- else if .Values.nats.tls.enabled -}}
{{- include "aiex.nats.tlsSecret" . -}}
{{- end -}}
{{- end -}}

{{/* The section `engine` of the settings, as YAML. */}}
{{- define "aiex.engine.settings" -}}
url: {{ include "aiex.engine.url" . | quote }}
{{- if include "aiex.engine.tlsSecret" . }}
tls_ca_file: /etc/aiex/engine-tls/ca.crt
{{- if and (not .Values.nats.enabled) .Values.engine.external.tls.clientCertificate }}
tls_certificate_file: /etc/aiex/engine-tls/tls.crt
tls_key_file: /etc/aiex/engine-tls/tls.key
{{- end }}
{{- end }}
{{- end -}}

{{/* Volumes of a node for it, as a YAML list; may be empty. The servers' own key is none of a node's. */}}
{{- define "aiex.engine.volumes" -}}
{{- with include "aiex.engine.tlsSecret" . }}
- name: engine-tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items:
      - key: ca.crt
        path: ca.crt
      {{- if and (not $.Values.nats.enabled) $.Values.engine.external.tls.clientCertificate }}
      - key: tls.crt
        path: tls.crt
      - key: tls.key
        path: tls.key
      {{- end }}
{{- end }}
{{- end -}}

{{- define "aiex.engine.volumeMounts" -}}
{{- if include "aiex.engine.tlsSecret" . }}
- name: engine-tls
  mountPath: /etc/aiex/engine-tls
  readOnly: true
{{- end }}
{{- end -}}

{{/* Rules of a NetworkPolicy's egress by which nodes reach it, as a YAML list. */}}
{{- define "aiex.engine.egress" -}}
{{- if .Values.nats.enabled }}
- to:
    - podSelector:
        matchLabels:
          {{- include "aiex.selectorLabels" (dict "root" . "component" "nats") | nindent 10 }}
  ports:
    - port: 4222
      protocol: TCP
{{- else }}
- ports:
    - port: {{ include "aiex.engine.externalPort" . }}
      protocol: TCP
  {{- with .Values.engine.external.egressTo }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "aiex.engine.externalPort" -}}
{{- $port := regexFind ":[0-9]+/?$" .Values.engine.external.url | trimPrefix ":" | trimSuffix "/" -}}
{{- default "4222" $port -}}
{{- end -}}

{{- define "aiex.refusals.engine" -}}
{{- $problems := list -}}
{{- $external := .Values.engine.external -}}
{{- if and .Values.nats.enabled $external.url -}}
{{- $problems = append $problems "nats.enabled is true and engine.external.url is set, and nodes have one engine. Set nats.enabled to false, or leave the URL out." -}}
{{- end -}}
{{- if not (or .Values.nats.enabled $external.url) -}}
{{- $problems = append $problems "nats.enabled is false and engine.external.url is empty, and nodes need an engine. Name one, or set nats.enabled to true." -}}
{{- end -}}
{{- if and $external.tls.existingSecret (not (hasPrefix "tls://" $external.url)) -}}
{{- $problems = append $problems "engine.external.tls.existingSecret is for an engine.external.url that begins with tls://. Write it so, or leave the Secret out." -}}
{{- end -}}
{{- if and $external.tls.clientCertificate (not $external.tls.existingSecret) -}}
{{- $problems = append $problems "engine.external.tls.clientCertificate needs the certificate. Name its Secret in engine.external.tls.existingSecret." -}}
{{- end -}}
{{- if contains "@" $external.url -}}
{{- $problems = append $problems "engine.external.url holds a user or a password, and values are no secrets. Put them into a Secret (`engine-user`, `engine-password`) and name it in engine.external.existingSecret." -}}
{{- end -}}
{{- if and .Values.nats.tls.existingSecret .Values.nats.tls.certManager.enabled -}}
{{- $problems = append $problems "nats.tls.existingSecret and nats.tls.certManager are two sources of one certificate. Choose one." -}}
{{- end -}}
{{- toYaml $problems -}}
{{- end -}}
