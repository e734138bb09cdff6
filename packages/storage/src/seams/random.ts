/** The only way in which deciding code meets chance. */
export interface Random {
  /** A uniform integer in [0, limit). `limit` is a positive safe integer. */
  below(limit: number): number;
}
