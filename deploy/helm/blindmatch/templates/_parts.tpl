{{/* What every object carries. */}}
{{- define "blindmatch.labels" -}}
app.kubernetes.io/name: blindmatch
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* By what the pods of a component are found. Call with (list . "node"). */}}
{{- define "blindmatch.selector" -}}
app.kubernetes.io/name: blindmatch
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "blindmatch.claim" -}}
{{ .Values.state.existingClaim | default (printf "%s-state" .Release.Name) }}
{{- end }}

{{/* The pod of the node and that of the job are shut in alike: account, walls, volumes. */}}
{{- define "blindmatch.pod" -}}
serviceAccountName: {{ .Release.Name }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  # The volume is opened to this group once, while it is empty. Later the node's own folder in it keeps mode 0700.
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
volumes:
  - name: state
    persistentVolumeClaim:
      claimName: {{ include "blindmatch.claim" . }}
  - name: tmp
    emptyDir:
      medium: Memory
      sizeLimit: 64Mi
  - name: credentials
    secret:
      secretName: {{ .Values.passphraseSecret }}
      defaultMode: 0400
      items:
        - key: passphrase
          path: passphrase
{{- end }}

{{- define "blindmatch.container" -}}
image: {{ printf "%s@%s" .Values.image.repository .Values.image.digest | quote }}
imagePullPolicy: IfNotPresent
env:
  - name: BLINDMATCH_STATE
    value: /var/lib/blindmatch/node
  # The file, never the passphrase itself. The second name says that the folder belongs to this process alone: a cluster
  # opens such files to the pod's group, of which there is nobody else here.
  - name: BLINDMATCH_PASSPHRASE_FILE
    value: /run/credentials/blindmatch/passphrase
  - name: CREDENTIALS_DIRECTORY
    value: /run/credentials/blindmatch
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  privileged: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
volumeMounts:
  - name: state
    mountPath: /var/lib/blindmatch
  - name: tmp
    mountPath: /tmp
  - name: credentials
    mountPath: /run/credentials/blindmatch
    readOnly: true
{{- end }}
