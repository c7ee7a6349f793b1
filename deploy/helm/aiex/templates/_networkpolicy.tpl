{{/* The rule of a NetworkPolicy's egress by which DNS is asked, as a YAML list. */}}
{{- define "aiex.networkPolicy.dns" -}}
- ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
  {{- with .Values.networkPolicy.dns.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
