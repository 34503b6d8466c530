{{/* Release hex-exporter has hex-exporter, hex-gateway and hex-history, as the manifests of `hex-exporter bundle`. */}}
{{- define "prefix" -}}
{{ .Values.prefix | default (.Release.Name | trimSuffix "-exporter") | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "name" -}}
{{ include "prefix" . }}-exporter
{{- end }}

{{/* What selects the pods of this release: a list of the context and of what they are. */}}
{{- define "selector" -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
{{- end }}

{{- define "labels" -}}
{{ include "selector" . }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ (index . 0).Chart.Name }}-{{ (index . 0).Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The same with the labels that the operator and Grafana's sidecar select by. */}}
{{- define "selected" -}}
{{ include "labels" (list . "hex-exporter") }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "config" -}}
# From the values of the Helm release {{ .Release.Name }}.
{{ toYaml .Values.config }}
{{- end }}

{{- define "image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "claim" -}}
{{ .Values.storage.existingClaim | default (include "name" .) }}
{{- end }}

{{- define "podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
readOnlyRootFilesystem: true
{{- end }}

{{/* The port of the gateway; empty without one. */}}
{{- define "gatewayPort" -}}
{{- with .Values.config.gateway }}
{{- $address := .listen_address | default "127.0.0.1:9892" | toString }}
{{- if not (regexMatch `^(0\.0\.0\.0|\[::\])?:[0-9]+$` $address) }}
{{- fail (printf "config.gateway.listen_address: %s is reached from within its pod only; write :9892" $address) }}
{{- end }}
{{- regexFind "[0-9]+$" $address }}
{{- end }}
{{- end }}

{{/* Where the gateway's web configuration is expected; empty where it is not served over TLS. */}}
{{- define "webConfig" -}}
{{- dig "gateway" "web_config_file" "" .Values.config }}
{{- end }}

{{/* The week of the first workspace, as a mapping; see `week` in docs/configuration.md. */}}
{{- define "week" -}}
{{- $name := (first .Values.config.workspaces).name | default "default" }}
{{- $weeks := .Values.config.week | default dict }}
{{- if kindIs "map" $weeks }}{{ $weeks = list $weeks }}{{ end }}
{{- $found := dict }}
{{- range reverse $weeks }}
{{- $glob := .workspace | default "*" | replace "." "\\." | replace "*" ".*" | replace "?" "." }}
{{- if regexMatch (printf "^%s$" $glob) $name }}{{ $found = . }}{{ end }}
{{- end }}
{{- dict "timezone" ($found.timezone | default "UTC") "starts" ($found.starts | default "monday") | toJson }}
{{- end }}
