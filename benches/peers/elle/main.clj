; Judges transactions on lists in schism's format with Elle.
;
;     main.clj RUNS TIMEOUT_SECONDS FILE...
;
; Prints one line of JSON for each file: the verdict, how long reading took, and each run. Files are as Elle reads them:
; one EDN map a line (`peer.py` writes them so).
(require '[clojure.edn :as edn]
         '[clojure.java.io :as io]
         '[elle.list-append :as list-append]
         '[jepsen.history :as history])

(defn seconds [begin]
  (/ (- (System/nanoTime) begin) 1e9))

(defn tell [file verdict reading times]
  (println (str "{\"file\":\"" file "\",\"verdict\":\"" verdict "\",\"read_s\":" reading
                ",\"times_s\":[" (apply str (interpose "," times)) "]}"))
  (flush))

(defn read-history [file]
  (with-open [lines (io/reader file)]
    (history/history (mapv edn/read-string (line-seq lines)))))

(defn judge [file runs timeout]
  (let [begin   (System/nanoTime)
        history (read-history file)
        reading (seconds begin)]
    (loop [left runs, times [], verdict "unknown"]
      (if (zero? left)
        (tell file verdict reading times)
        (let [begin  (System/nanoTime)
              run    (future (list-append/check {:consistency-models [:strict-serializable]} history))
              result (deref run (long (* 1000 timeout)) nil)]
          (if result
            (recur (dec left)
                   (conj times (seconds begin))
                   (case (:valid? result) true "valid" false "invalid" "unknown"))
            (do (tell file "unknown" reading [timeout])
                (System/exit 0))))))))

(let [[runs timeout & files] *command-line-args*]
  (doseq [file files]
    (judge file (Long/parseLong runs) (Double/parseDouble timeout)))
  (shutdown-agents)
  (System/exit 0))
